"""Training state on disk: named tensors as safetensors, everything else as JSON; never a pickle."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from synthgen.errors import InputError

TENSORS, FACTS = "tensors.safetensors", "facts.json"


@dataclass(frozen=True)
class State:
    """What a task needs to go on exactly where it was."""

    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def write(state: State, directory: Path) -> None:
    """Write `state` as the folder `directory`, whole or not at all: an older one stays until the new one is done."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    new, old = directory.with_name(directory.name + ".new"), directory.with_name(directory.name + ".old")
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir()
    save_file({k: v.detach().to("cpu").contiguous().clone() for k, v in state.tensors.items()}, new / TENSORS)
    (new / FACTS).write_text(json.dumps(state.facts), encoding="utf-8")
    for name in (TENSORS, FACTS):
        with (new / name).open("rb") as file:
            os.fsync(file.fileno())
    if directory.exists():
        directory.rename(old)
    new.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def read(directory: Path) -> State | None:
    """The state in `directory`, or None when there is none. Raises InputError when it cannot be read."""
    found = next((d for d in (directory, directory.with_name(directory.name + ".old")) if (d / FACTS).exists()), None)
    if found is None:
        return None
    try:
        return State(load_file(found / TENSORS), json.loads((found / FACTS).read_text(encoding="utf-8")))
    except (OSError, ValueError, RuntimeError, SafetensorError) as problem:
        raise InputError(
            f"The saved state in folder {found.name!r} cannot be read ({type(problem).__name__}).",
            "It was cut off or changed; delete it and run the job again.",
        ) from problem


def prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors under "prefix/name"."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names start with "prefix/", without it."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(prefix + "/")}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's moments as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{i}/{name}": torch.as_tensor(value) for i, entry in state.items() for name, value in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what `optimiser_tensors` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        i, name = key.split("/", 1)
        state.setdefault(int(i), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
