"""synthgen: synthetic data that keeps its minorities."""

__version__ = "0.1.0"
