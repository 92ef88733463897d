"""The training loop and its checkpoints, the same for every modality."""
