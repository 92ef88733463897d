"""Artifacts in S3 or a store that speaks its language."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from obstore.store import S3Store

from synthgen.service.artifacts.objects import ObjectStore
from synthgen.service.settings import Settings


class S3Artifacts(ObjectStore):
    """An artifact store in a bucket; without keys in the settings the machine's own credentials are used."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.store)
        options: dict[str, Any] = {"region": settings.s3_region}
        if settings.s3_endpoint:
            options["endpoint"] = settings.s3_endpoint
            options["client_options"] = {"allow_http": settings.s3_endpoint.startswith("http://")}
        if settings.s3_access_key_id:
            options["access_key_id"] = settings.s3_access_key_id
            options["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
        super().__init__(S3Store(address.netloc, prefix=address.path.strip("/") or None, **options))
