import time

import pytest
from running_servers import in_s3

from synthgen.errors import NotFound, Unavailable
from synthgen.service.artifacts.local import LocalArtifacts
from synthgen.service.artifacts.s3 import S3Artifacts
from synthgen.service.settings import Settings

BIG = 20


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def store(request, tmp_path):
    if request.param == "local":
        return LocalArtifacts(tmp_path / "store")
    return S3Artifacts(Settings(**in_s3(request.getfixturevalue("s3_endpoint"))))


def test_what_is_put_is_what_opens_whole_and_in_ranges(store):
    frames = [bytes([i]) * 1_000_000 for i in range(BIG)]
    stored = store.put("projects/p/big", frames)
    assert stored.size == store.size("projects/p/big") == BIG * 1_000_000
    assert b"".join(store.open("projects/p/big")) == b"".join(frames)
    assert b"".join(store.open("projects/p/big", 999_998, 1_000_002)) == b"\x00\x00\x01\x01"
    assert b"".join(store.open("projects/p/big", stored.size - 1, stored.size + 50)) == bytes([BIG - 1])
    assert list(store.open("projects/p/big", stored.size)) == []


def test_checksums_are_of_the_content(store):
    import hashlib

    assert store.put("a/b", [b"syn", b"", b"thgen"]).sha256 == hashlib.sha256(b"synthgen").hexdigest()
    assert store.put("a/empty", []).size == 0
    assert b"".join(store.open("a/empty")) == b""


def test_an_error_while_writing_leaves_no_object_and_keeps_the_old_one(store):
    def broken():
        yield b"x" * 9_000_000
        raise ValueError("the upload broke off")

    with pytest.raises(ValueError, match="broke off"):
        store.put("c/new", broken())
    with pytest.raises(NotFound):
        store.open("c/new")
    store.put("c/old", [b"old"])
    with pytest.raises(ValueError, match="broke off"):
        store.put("c/old", broken())
    assert b"".join(store.open("c/old")) == b"old"


def test_deleting_a_folder_spares_its_neighbours(store):
    for key in ("d/1/a", "d/1/b/c", "d/10/a"):
        store.put(key, [b"x"])
    assert store.delete_all("d/1") == 2
    assert list(store.keys("d")) == ["d/10/a"]
    assert store.delete_all("d/nothing") == 0


def test_the_check_passes(store):
    store.check()


def test_a_folder_is_stale_only_when_nothing_in_it_is_fresh(store):
    store.put("f/old/a", [b"x"])
    time.sleep(6.1)  # S3 counts whole seconds, and a busy machine may take some between two lines
    store.put("f/new/a", [b"x"])
    assert list(store.stale_folders("f", 5.0)) == ["f/old"]
    assert list(store.stale_folders("f", 60.0)) == []


def test_deleting_takes_half_written_files_along(tmp_path):
    store = LocalArtifacts(tmp_path / "store")
    store.put("x/y/z", [b"1"])
    half = tmp_path / "store" / "x" / "y" / "source#1"
    half.write_bytes(b"a patient")
    store.delete_all("x/y")
    assert not half.exists()


@pytest.mark.parametrize("prefix", ["", ".", "..", "../elsewhere", "/"])
def test_deleting_never_leaves_the_store_or_takes_it_whole(tmp_path, prefix):
    store = LocalArtifacts(tmp_path / "store")
    store.put("x/y", [b"1"])
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises((ValueError, Unavailable)):
        store.delete_all(prefix)
    assert list(store.keys("x")) == ["x/y"]
    assert (tmp_path / "elsewhere").exists()


def test_a_local_store_leaves_no_empty_folder(tmp_path):
    store = LocalArtifacts(tmp_path / "store")
    store.put("x/y/z", [b"1"])
    store.delete_all("x/y")
    assert not (tmp_path / "store" / "x" / "y").exists()
