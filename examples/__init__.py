"""Demonstrations and executed examples: run `make demo`, `make demo-images` or `python -m examples.NAME`."""
