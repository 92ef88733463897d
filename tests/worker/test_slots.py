"""Several GPUs of a machine are several slots, each child sees one; cards are names here, the children are real."""

import contextlib
import json
import sys
import threading

import pytest

from synthgen.errors import SpecError
from synthgen.service import gpus
from synthgen.service.settings import Settings
from worker.child import Child
from worker.slots import ORDER, PINNED, Slots, devices

TABLE = "0, NVIDIA H100 80GB HBM3, 1024, 81559, 37\n1, NVIDIA H100 80GB HBM3, 0, 81559, [N/A]\n"
TELL = "import json, os, sys; print(json.dumps({'kind': 'seen', 'payload': {'device': os.environ.get('%s')}}))"


def test_each_device_is_one_slot_and_no_two_jobs_share_it():
    slots = Slots(Settings(worker_devices="0, 3", worker_concurrency=7))
    assert slots.count == 2
    with slots.one() as first, slots.one() as second:
        assert {first[PINNED], second[PINNED]} == {"0", "3"}
        waited = threading.Thread(target=lambda: slots.one().__enter__(), daemon=True)
        waited.start()
        waited.join(0.2)
        assert waited.is_alive(), "a third job has no place"


def test_without_devices_a_slot_pins_nothing():
    slots = Slots(Settings(worker_concurrency=3))
    assert slots.count == 3
    with slots.one() as pinned:
        assert pinned == {}


def test_the_child_sees_its_slots_device_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv(PINNED, "0,1,2,3")
    slots = Slots(Settings(worker_devices="auto"))
    assert slots.count == 4
    with slots.one() as pinned:
        child = Child(tmp_path, (sys.executable, "-c", TELL % PINNED), pinned)
        child.process.wait(30)
        child.reader.join(10)
        assert child.drain() == [("seen", {"device": "0"})]
        child.close()


def test_numbers_are_the_drivers_unless_the_operator_counted_otherwise(monkeypatch):
    monkeypatch.delenv(PINNED, raising=False)
    monkeypatch.delenv(ORDER, raising=False)
    with Slots(Settings(worker_devices="1")).one() as pinned:
        assert pinned == {PINNED: "1", ORDER: "PCI_BUS_ID"}
    monkeypatch.setenv(ORDER, "FASTEST_FIRST")
    with Slots(Settings(worker_devices="1")).one() as pinned:
        assert pinned == {PINNED: "1"}


@pytest.mark.parametrize("name", [ORDER, "PYTORCH_CUDA_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG"])
def test_the_child_keeps_what_the_operator_set_for_gpus(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "said")
    child = Child(tmp_path, (sys.executable, "-c", TELL % name))
    child.process.wait(30)
    child.reader.join(10)
    assert child.drain() == [("seen", {"device": "said"})]
    child.close()


def test_cards_hidden_from_the_worker_are_not_taken(monkeypatch):
    monkeypatch.setenv(PINNED, "")
    monkeypatch.setattr(gpus, "seen", lambda: gpus.read(TABLE))
    with pytest.raises(SpecError, match="no GPU"):
        devices(Settings(worker_devices="auto"))


def test_a_slot_is_free_again_after_a_job_that_failed():
    slots = Slots(Settings(worker_devices="5"))
    for _ in range(2):
        with contextlib.suppress(RuntimeError), slots.one() as pinned:
            assert pinned[PINNED] == "5"
            raise RuntimeError


def test_a_setting_that_cannot_be_met_is_told(monkeypatch):
    monkeypatch.delenv(PINNED, raising=False)
    monkeypatch.setattr(gpus, "seen", list)
    with pytest.raises(SpecError, match="no GPU"):
        devices(Settings(worker_devices="auto"))
    with pytest.raises(SpecError, match="twice"):
        devices(Settings(worker_devices="1,1"))


def test_the_drivers_table_is_read_and_what_it_does_not_know_stays_unknown():
    first, second = gpus.read(TABLE)
    assert first == {
        "index": 0,
        "name": "NVIDIA H100 80GB HBM3",
        "memory_used": 1 << 30,
        "memory_total": 81559 << 20,
        "busy": 0.37,
    }
    assert second["busy"] is None
    assert json.dumps([first, second])
    assert gpus.read("No devices were found\n") == []
