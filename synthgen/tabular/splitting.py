"""Train, validation, hold-out: by person where a key repeats, stratified by a discrete target, the same for a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthgen.contracts import Source, Split
from synthgen.errors import InputError, SchemaError, SynthgenError
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec
from synthgen.tabular import conversion
from synthgen.tabular.schema import Schema

FEWEST_PEOPLE = 30
MOST_STRATA = 50


def split(source: Source, schema: Schema, spec: RunSpec, ctx: RunContext) -> Split:
    """Typed train, validation and hold-out frames of `source`.

    Raises `SchemaError` when no column can be modelled and `InputError` when there are too few people to learn from.
    """
    frame = conversion.typed(source.data, schema)
    people = people_of(frame, schema)
    count = int(people.max()) + 1 if len(people) else 0
    if (refused := refusal(schema, count)) is not None:
        raise refused
    rng = ctx.at("split").rng("assign")
    alike = np.zeros(count, dtype=np.int64)  # under differential privacy one person's target must move nobody else
    strata = _strata(frame, schema, people, count) if spec.privacy is None else alike
    part = _assign(strata, spec, rng)[people]
    keyed = schema.person is not None
    frames = [frame[part == number].reset_index(drop=True) for number in range(3)]
    owners = [people[part == number] if keyed else None for number in range(3)]
    return Split(*frames, *owners)


def refusal(schema: Schema, people: int) -> SynthgenError | None:
    """Why no generator can be trained on this many people with this schema; None when one can."""
    if not schema.modelled:
        kinds = sorted({column.kind for column in schema.columns})
        return SchemaError(
            f"None of the {len(schema.columns)} columns can be modelled: they were read as {', '.join(kinds)}.",
            "Keys, texts and columns without variety teach nothing. Override a kind or submit another table.",
        )
    if people < FEWEST_PEOPLE:
        what = "rows" if schema.person is None else "people"
        return InputError(
            f"The table has {people} {what}; at least {FEWEST_PEOPLE} are needed to train on and to judge the result.",
            "Submit a larger table.",
        )
    return None


def people_of(frame: pd.DataFrame, schema: Schema) -> np.ndarray:
    """A number per row that says which person it belongs to; a row without a key is a person of its own."""
    if schema.person is None:
        return np.arange(len(frame))
    codes, uniques = pd.factorize(frame[schema.person], use_na_sentinel=True)
    alone = codes < 0
    codes = codes.astype(np.int64)
    codes[alone] = len(uniques) + np.arange(int(alone.sum()))
    return codes


def _strata(frame: pd.DataFrame, schema: Schema, people: np.ndarray, count: int) -> np.ndarray:
    """The stratum of each person: the rarest value of a discrete target among the person's rows."""
    if schema.target is None:
        return np.zeros(count, dtype=np.int64)
    codes, uniques = pd.factorize(frame[schema.target], use_na_sentinel=False)
    if len(uniques) > MOST_STRATA:
        return np.zeros(count, dtype=np.int64)
    by_rarity = np.argsort(np.argsort(np.bincount(codes, minlength=len(uniques)), kind="stable"), kind="stable")
    out = np.full(count, len(uniques), dtype=np.int64)
    np.minimum.at(out, people, by_rarity[codes])
    return out


def _assign(strata: np.ndarray, spec: RunSpec, rng: np.random.Generator) -> np.ndarray:
    """0 train, 1 validation, 2 hold-out per person, each stratum cut in proportion."""
    order = np.lexsort((rng.random(len(strata)), strata))
    part = np.zeros(len(strata), dtype=np.int64)
    held = _every(len(order), spec.holdout_share, rng)
    part[order[held]] = 2
    rest = order[~held]
    part[rest[_every(len(rest), spec.validation_share / (1 - spec.holdout_share), rng)]] = 1
    return part


def _every(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Evenly spread picks: within any run of places, `share` of them to within one."""
    steps = np.floor(np.arange(count + 1) * share + rng.random())
    return np.diff(steps) > 0
