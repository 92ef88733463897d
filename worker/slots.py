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
ORDER = "CUDA_DEVICE_ORDER"  # the driver counts cards by their places, CUDA by their speed unless it is told


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
            yield {} if device is None else {**_order(), PINNED: device}
        finally:
            self.free.put(device)


def devices(settings: Settings) -> tuple[str, ...]:
    """The GPUs that this worker's slots are pinned to, by what CUDA_VISIBLE_DEVICES takes; none where it has none."""
    named = settings.worker_devices.strip()
    if named != "auto":
        found = tuple(name.strip() for name in named.split(",") if name.strip())
    else:
        left = _visible()
        found = tuple(str(gpu["index"]) for gpu in gpus.seen()) if left is None else left
        if not found:
            raise SpecError(
                "SYNTHGEN_WORKER_DEVICES is auto and this machine shows no GPU.",
                "Run nvidia-smi here, name the devices (0,1), or leave the setting empty.",
            )
    if len(set(found)) != len(found):
        raise SpecError("SYNTHGEN_WORKER_DEVICES names a device twice.", "Name each device once: a slot is one GPU.")
    return found


def _visible() -> tuple[str, ...] | None:
    """The devices that whoever started the worker left to it; None where nothing was said."""
    said = os.environ.get(PINNED)
    return None if said is None else tuple(name.strip() for name in said.split(",") if name.strip())


def _order() -> Mapping[str, str]:
    """Numbers are the driver's, as nvidia-smi shows them, unless whoever started the worker counted otherwise."""
    return {} if PINNED in os.environ or ORDER in os.environ else {ORDER: "PCI_BUS_ID"}
