"""A typed HTTP client for a synthgen service; it imports neither the service nor the API."""

from synthgen.client.client import Client
from synthgen.client.records import Dataset, Job, JobEvent, Release, SyntheticSetInfo

__all__ = ["Client", "Dataset", "Job", "JobEvent", "Release", "SyntheticSetInfo"]
