"""The HTTP API: thin routes over the service's use cases."""

from synthgen.api.app import create_app

__all__ = ["create_app"]
