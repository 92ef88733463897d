"""The bars a table's figures are held against: a floor and a goal each, beside the figure and pass, floor or MISS.

`h` is the hold-out's own figure at equal rows. Bars of single tables stand here as data; the library knows no table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Figures = Mapping[str, Any]
CTGAN_ADULT_SECONDS, MOSTLYAI_ADULT_SECONDS, CTGAN_ROWS_A_SECOND = 1857.0, 103.0, 21_000.0
PAIRED = ("detection_auc", "tstr_ap", "tstr_r2", "worst_tenth")
LOWER = {"detection_auc", "worst_tenth"}


@dataclass(frozen=True)
class Bar:
    """One figure with its floor and its goal; `against` says where the bounds come from."""

    measure: str
    value: float
    sign: Literal["<=", ">="]
    floor: float
    goal: float | None = None
    against: str = ""

    @property
    def outcome(self) -> str:
        """goal, floor or MISS."""
        if not self._meets(self.floor):
            return "MISS"
        return "goal" if self.goal is not None and self._meets(self.goal) else "floor"

    def line(self) -> str:
        """One line as it is printed."""
        goal = f"{self.goal:10.4f}" if self.goal is not None else " " * 10
        bounds = f"{self.sign}{self.floor:10.4f}{goal}"
        return f"{self.measure:26s}{self.value:10.4f}  {bounds}  {self.outcome:5s} {self.against}"

    def entry(self) -> dict[str, Any]:
        """As it is kept and published."""
        return {**asdict(self), "outcome": self.outcome}

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """The bar that was kept."""
        return cls(**{name: value for name, value in entry.items() if name != "outcome"})

    def _meets(self, bound: float) -> bool:
        return self.value <= bound if self.sign == "<=" else self.value >= bound


def applying(table: str, ours: Figures, peers: Mapping[str, Figures]) -> list[Bar]:
    """Every bar that can be told from our mean figures and the peers' of one table."""
    found = [*_privacy(ours), *_against_peers(ours, peers)]
    if table.startswith("adult"):
        found += [*_adult(ours), *_speed(ours, peers)]
    if table.startswith("diabetes130_sample"):
        found += _diabetes(ours, peers.get("mostlyai", {}))
    return found


def interval(measure: str, figures: Figures) -> float:
    """Half a 95 % interval of a figure: over its seeds where there are several, else by theory for AUC and AP."""
    if (spread := figures.get(f"{measure}_sd")) is not None:
        return 1.96 * float(spread)
    value, rows = float(figures[measure]), float(figures["rows_compared"])
    if measure == "detection_auc":  # Hanley and McNeil 1982, equal numbers of both kinds
        a, b = value / (2 - value), 2 * value**2 / (1 + value)
        return 1.96 * math.sqrt(max(value * (1 - value) + (rows - 1) * (a + b - 2 * value**2), 0) / rows**2)
    if measure == "tstr_ap":  # binomial over the positive rows of the hold-out (Boyd et al. 2013)
        return 1.96 * math.sqrt(value * (1 - value) / max(float(figures.get("test_positives", rows)), 1))
    return 0.0


def _privacy(f: Figures) -> Iterator[Bar]:
    yield Bar("dcr_share", f["dcr_share"], "<=", 0.5 + 3 * f["dcr_se"])
    yield Bar("near_copies", f["near_copies"], "<=", 0.02)
    yield Bar("copied_numbers", f["copied_numbers"], "<=", f["copied_numbers_holdout"], against="h")
    if "dcr_share_fresh" in f:
        bound = f["dcr_share_fresh"] + 3 * f["dcr_share_fresh_se"]
        yield Bar("dcr_share over splits", f["dcr_share"], "<=", bound, against="fresh real rows + 3 se")


def _against_peers(ours: Figures, peers: Mapping[str, Figures]) -> Iterator[Bar]:
    for measure in PAIRED:
        classic = {
            n: p[measure] for n, p in peers.items() if n in ("ctgan", "tvae", "gaussian_copula") and measure in p
        }
        everyone = {n: p[measure] for n, p in peers.items() if n != "smote" and measure in p}
        if measure not in ours or not everyone:
            continue
        best, sign = (min, "<=") if measure in LOWER else (max, ">=")
        goal, room = best(everyone.values()), interval(measure, ours) * (1 if measure in LOWER else -1)
        if classic:
            who = best(classic, key=lambda n: classic[n])
            yield Bar(
                measure, ours[measure], sign, classic[who] + room, goal, f"{who} within our interval; best of all"
            )
        if "mostlyai" in everyone:
            yield Bar(measure, ours[measure], sign, everyone["mostlyai"], against="mostlyai")


def _adult(f: Figures) -> Iterator[Bar]:
    above = {"pair": (0.004, 0.0), "rare_3_recall": (0.003, 0.0)}
    below = {"detection_auc": (0.02, 0.01), "rare_3_log2": (0.03, 0.0), "worst_tenth": (0.01, 0.0)}
    for measure, (floor, goal) in above.items():
        h = f[f"{measure}_holdout"]
        yield Bar(measure, f[measure], ">=", h - floor, h - goal, "h")
    for measure, (floor, goal) in below.items():
        h = f[f"{measure}_holdout"]
        yield Bar(measure, f[measure], "<=", h + floor, h + goal, "h")
    yield Bar("tstr_auc", f["tstr_auc"], ">=", 0.917, 0.920)
    yield Bar("tstr_ap", f["tstr_ap"], ">=", 0.800, 0.812)


def _speed(f: Figures, peers: Mapping[str, Figures]) -> Iterator[Bar]:
    """Seconds against the peers of this run, else against those written down for this table."""
    ctgan, mostlyai = peers.get("ctgan", {}), peers.get("mostlyai", {})
    slow = ctgan.get("fit_cpu_seconds", CTGAN_ADULT_SECONDS)
    quick = mostlyai.get("fit_cpu_seconds", MOSTLYAI_ADULT_SECONDS)
    yield Bar(
        "fit_cpu_seconds", f["fit_cpu_seconds"], "<=", min(quick, slow / 15), slow / 30, "mostlyai, ctgan / 15; / 30"
    )
    rate = ctgan.get("rows_a_second", CTGAN_ROWS_A_SECOND)
    yield Bar("rows_a_second", f["rows_a_second"], ">=", rate, 3 * rate, "ctgan; 3 x")
    if "rows_a_second_plain" in f:
        yield Bar("rows_a_second_plain", f["rows_a_second_plain"], ">=", 3 * rate, 10 * rate, "3 x ctgan; 10 x")


def _diabetes(f: Figures, mostlyai: Figures) -> Iterator[Bar]:
    for measure, sign, goal in (
        ("pair", ">=", f["pair_holdout"] - 0.004),
        ("detection_auc", "<=", 0.53),
        ("tstr_ap", ">=", 0.165),
    ):
        if measure in mostlyai:
            yield Bar(measure, f[measure], sign, mostlyai[measure], goal, "mostlyai")  # type: ignore[arg-type]
