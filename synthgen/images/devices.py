"""Where and how precisely the networks work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from synthgen.training.devices import bf16_pays


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: the same sums on every machine, and no waiting for a core that others use."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fast(device: str) -> Iterator[None]:
    """Convolutions and products in bfloat16 where that pays."""
    kind = torch.device(device).type
    with torch.autocast(kind, torch.bfloat16, enabled=bf16_pays(device)):
        yield


def placed(network: nn.Module, device: str) -> None:
    """Move a network to the device, its filters laid out as channels_last convolutions want them."""
    network.to(device)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def normal(rng: np.random.Generator, rows: int, columns: int, device: str) -> torch.Tensor:
    """(rows, columns) standard normal numbers, the same on every device."""
    return torch.from_numpy(rng.standard_normal((rows, columns), dtype=np.float32)).to(device)
