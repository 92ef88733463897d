"""One fit of each contestant, run as a child process: TRAIN REQUEST SYNTHETIC FACTS."""
