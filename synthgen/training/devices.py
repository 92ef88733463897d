"""Where networks are trained and drawn from, by the name torch has for it: cpu, cuda, cuda:1."""

from __future__ import annotations

from synthgen.errors import SpecError


def must_be_there(device: str) -> None:
    """Raise SpecError, in words, where this machine or this torch has no such device; the CPU is always there."""
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as problem:
        raise SpecError(
            f"Device {device!r} was asked for and {_reason(device)}.",
            "Take cpu, or a device that is there: 'synthgen doctor' tells which GPUs this machine and this torch see.",
        ) from problem


def _reason(device: str) -> str:
    import torch

    if device.partition(":")[0] != "cuda":
        return "torch can use none of that name here"
    if not torch.backends.cuda.is_built():
        return "this torch is a build for CPUs"
    if not torch.cuda.is_available():
        return "this machine shows no GPU"
    return f"it cannot be used; this machine shows {torch.cuda.device_count()}, counted from cuda:0"
