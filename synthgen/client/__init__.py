"""A typed HTTP client for a synthgen service; it imports neither the service nor the API."""

from synthgen.client.client import Client
from synthgen.client.records import ApiToken, Dataset, Job, JobEvent, Override, Release, SyntheticSetInfo

__all__ = ["ApiToken", "Client", "Dataset", "Job", "JobEvent", "Override", "Release", "SyntheticSetInfo"]
