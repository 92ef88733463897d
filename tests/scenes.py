"""A made-up hospital table with a known law, read, split and scored through the real components."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthgen.contracts import Generator, MetricResult, Scorecard, Split, SyntheticSet
from synthgen.runtime import RunContext
from synthgen.scoring import score
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular import conversion, inference, io, modes, sets, splitting
from synthgen.tabular.metrics import METRICS

WARDS = ["surgery", "medicine", "children", "eyes", "skin", "burns"]


def hospital(rows: int, seed: int = 0) -> pd.DataFrame:
    """Patients: age and ward decide the outcome (about 8 % died), charges are nobody's twice."""
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(55, 18, rows), 0, 99).round()
    ward = rng.choice(WARDS, rows, p=[0.34, 0.3, 0.18, 0.1, 0.06, 0.02])
    died = rng.random(rows) < 1 / (1 + np.exp(-(age - 85) / 9 - 1.2 * (ward == "burns")))
    smoker = np.where(rng.random(rows) < 0.2, "yes", "no").astype(object)
    smoker[rng.random(rows) < 0.06] = None
    visits = np.where(rng.random(rows) < 0.7, 0, rng.poisson(40, rows)).astype(float)
    charge = np.round(np.exp(rng.normal(7, 0.8, rows) + 0.8 * (ward == "surgery") + 0.5 * died), 2)
    sodium = np.round(rng.normal(138, 4, rows), 1)
    sodium[rng.random(rows) < 0.1] = np.nan
    days = rng.integers(0, 900, rows)
    return pd.DataFrame(
        {
            "age": age.astype(int),
            "sex": rng.choice(["f", "m"], rows),
            "ward": ward,
            "smoker": smoker,
            "visits": visits,
            "sodium": sodium,
            "charge": charge,
            "admitted": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
            "outcome": np.where(died, "died", "alive"),
        }
    )


@dataclass(frozen=True)
class Scene:
    """Everything a metric is handed."""

    split: Split
    synthetic: SyntheticSet
    schema: Any
    groups: tuple[modes.Mode, ...]
    spec: RunSpec
    ctx: RunContext = field(default_factory=lambda: RunContext(seed=7))

    def measured(self, metric: str, generator: Generator | None = None) -> MetricResult:
        """The result of one metric of the catalog."""
        return self.scored((metric,), generator).results[0]

    def scored(self, names: tuple[str, ...] = tuple(METRICS), generator: Generator | None = None) -> Scorecard:
        """The scorecard with these metrics only."""
        chosen = {name: METRICS[name] for name in names}
        return score(chosen, self.split, self.synthetic, self.schema, self.groups, self.ctx, generator)

    def with_set(self, frame: pd.DataFrame, directory: Path, request: SampleSpec | None = None) -> "Scene":
        """The same scene with `frame`, typed, as its synthetic set."""
        return replace(self, synthetic=stored(frame, self.schema, directory, request))


def stored(frame: pd.DataFrame, of: Any, directory: Path, request: SampleSpec | None = None) -> SyntheticSet:
    """A typed frame written as a synthetic set."""
    return sets.write([frame], of, directory, request or SampleSpec(), "independent")


def scene(real: pd.DataFrame, fresh: pd.DataFrame, directory: Path, **spec: Any) -> Scene:
    """A scene whose synthetic set is `fresh`, raw, typed by the schema of `real`."""
    wanted = RunSpec(**{"target": "outcome", "positive": "died", **spec})
    source = io.from_memory(real)
    found = inference.infer(source, wanted)
    split = splitting.split(source, found, wanted, RunContext(seed=7))
    groups = modes.census(split, found, wanted)
    return Scene(split, stored(conversion.typed(fresh, found), found, directory), found, groups, wanted)


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> Scene:
    """A scene whose synthetic set is as good as can be: fresh rows of the same law."""
    return scene(hospital(3000, 1), hospital(2400, 2), tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def good_card(good) -> Scorecard:
    """The whole scorecard of the good scene."""
    return good.scored()


@pytest.fixture(scope="session")
def copied(good, tmp_path_factory) -> Scene:
    """A scene whose synthetic set is the training rows themselves."""
    return good.with_set(good.split.train, tmp_path_factory.mktemp("copied"))
