"""The worker: takes job ids from the queue and supervises one trainer child for each. Importing it starts nothing."""
