"""Places for jobs in one worker: each on a GPU of its own where the settings name GPUs, else on whatever there is."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from synthgen.errors import SpecError
from synthgen.service import gpus
from synthgen.service.settings import Settings

PINNED = "CUDA_VISIBLE_DEVICES"


class Slots:
    """As many places as jobs may run at a time; a job holds one and its child sees that slot's device only."""

    def __init__(self, settings: Settings) -> None:
        self.devices = devices(settings)
        self.count = len(self.devices) or settings.worker_concurrency
        self.free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        for device in self.devices or (None,) * self.count:
            self.free.put(device)

    @contextmanager
    def one(self) -> Iterator[Mapping[str, str]]:
        """Hold a slot; gives the variables that pin a child to its device."""
        device = self.free.get()
        try:
            yield {} if device is None else {PINNED: device}
        finally:
            self.free.put(device)


def devices(settings: Settings) -> tuple[str, ...]:
    """The GPUs that this worker's slots are pinned to, by what CUDA_VISIBLE_DEVICES takes; none where it has none."""
    named = settings.worker_devices.strip()
    if named != "auto":
        found = tuple(name.strip() for name in named.split(",") if name.strip())
    else:
        found = _visible() or tuple(str(gpu["index"]) for gpu in gpus.seen())
        if not found:
            raise SpecError(
                "SYNTHGEN_WORKER_DEVICES is auto and this machine shows no GPU.",
                "Run nvidia-smi here, name the devices (0,1), or leave the setting empty.",
            )
    if len(set(found)) != len(found):
        raise SpecError("SYNTHGEN_WORKER_DEVICES names a device twice.", "Name each device once: a slot is one GPU.")
    return found


def _visible() -> tuple[str, ...]:
    """The devices that whoever started the worker left to it."""
    return tuple(name.strip() for name in os.environ.get(PINNED, "").split(",") if name.strip())
