"""Who takes part: our generators through the library, peers through their own interfaces, each in a child process."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import children
from benchmarks.tables import Table, digest
from synthgen import catalog

HERE = Path(__file__).resolve().parent
OURS = "synthgen"
ALIASES = {"smote": "smote_nc"}  # names of peers that are generators of our catalog
STOCK = {"ctgan": "CTGAN", "tvae": "TVAE"}
MOSTLYAI = children.RESULTS / "env-mostlyai" / "bin" / "python"


@dataclass(frozen=True)
class Contestant:
    """One column of the table: a child command, what it is asked, and what its result depends on besides the data."""

    name: str
    command: tuple[str, ...]
    asked: dict[str, Any] = field(default_factory=dict)
    version: str = ""

    def key(self, train: Path, table: Table, seed: int) -> str:
        """What a fit's result hangs on: the training data, what is asked, the version."""
        return f"{table.name}-{self.name}-{digest(train, self._asked(table, seed), self.version)}"

    def fit(self, train: Path, table: Table, seed: int, out: Path, limit: float) -> dict[str, Any]:
        """Facts of one fit (see `children.once`); the synthetic CSV is written to `out`."""
        command = [*self.command, str(train), self._asked(table, seed)]
        return children.once(self.key(train, table, seed), command, out, limit)

    def _asked(self, table: Table, seed: int) -> str:
        drop = [c for c in table.drop if c != table.person or self.name in STOCK or self.name == "mostlyai"]
        known = {"target": table.target, "positive": table.positive, "person": table.person}
        return json.dumps(self.asked | known | {"seed": seed, "drop": drop}, sort_keys=True)


def ours(generator: str = "auto", params: dict[str, Any] | None = None, **settings: Any) -> Contestant:
    """Our library with a generator of the catalog; `settings` are time_budget and resample."""
    name = OURS if generator == "auto" else generator
    asked = {"generator": generator, "params": params or {}, "time_budget": 180, "resample": "2x"} | settings
    return Contestant(name, _module("own_fit"), asked, library())


def peer(name: str) -> Contestant:
    """A peer by name: ctgan, tvae, mostlyai, smote, or any generator of the catalog; exits for an unknown one."""
    if name in STOCK:
        return Contestant(name, (*_module("stock_fit"), STOCK[name]), {}, version("ctgan"))
    if name == "mostlyai":
        script = HERE / "peers" / "mostlyai_fit.py"
        if not MOSTLYAI.exists():
            sys.exit("mostlyai-engine has no environment yet: run benchmarks/peers/mostlyai.sh first.")
        return Contestant(name, (str(MOSTLYAI), str(script)), {}, digest(HERE / "peers" / "mostlyai.txt"))
    generator = ALIASES.get(name, name)
    if generator not in catalog.generators("tabular"):
        known = [*STOCK, "mostlyai", *ALIASES, *sorted(catalog.generators("tabular"))]
        sys.exit(f"There is no peer {name!r}; there are: {', '.join(dict.fromkeys(known))}.")
    made = ours(generator)
    return Contestant(name, made.command, made.asked, made.version)


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.peers.{name}")


def library(*parts: str, top: Sequence[str] = ("*",)) -> str:
    """A content hash of the library's sources: what it fits to tables, or what `parts` make, changes with them.

    `top` names the modules beside the packages that count, where not all do.
    """
    root = HERE.parent / "synthgen"
    packages = ["losses", "training", *(parts or ["tabular"])]
    files = [f for name in top for f in root.glob(f"{name}.py")]
    files += [f for p in packages for f in (root / p).glob("*.py")]
    return digest(*sorted(files))
