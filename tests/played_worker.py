"""A worker's part played by hand, on the real service: claims jobs and commits results without training anything."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from sqlalchemy import select

from synthgen.contracts import (
    Figure,
    GroupFigure,
    Interval,
    MetricResult,
    Plot,
    Reason,
    Scorecard,
    Status,
    Verdict,
)
from synthgen.service import execution
from synthgen.service.artifacts.base import Stored
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job
from synthgen.spec import GatePolicy

COLUMNS = (
    ("age", "integer", "read as integer because all 5,110 values are whole numbers"),
    ("sex", "category", "read as category because 3 values repeat"),
    ("smoker", "boolean", "read as boolean because its two values are yes and no"),
    ("stroke", "boolean", "read as boolean because its two values are 0 and 1"),
)
FILLED = {"file": "filled.csv", "rows": 5110, "columns": [{"name": "smoker", "missing": 412, "left": 2}]}


def work(app: Application, *, blocked: bool = False, error: Exception | None = None) -> list[str]:
    """Do every queued job; returns the ids. Its gate blocks where asked, and whoever asked for the strict policy."""
    done = []
    while (job := _next(app)) is not None:
        held = execution.claim(app, job.id, "played")
        assert held is not None
        if error is not None:
            failure, _ = execution.unknown(error)
            execution.fail(app, held, failure)
        else:
            execution.record(app, held, EVENTS.get(held.kind, ()))
            stopped = blocked or job.spec.get("policy") == "strict"
            files = _files(held.kind, stopped)
            stored = {name: _put(app, held.job_id, name, data) for name, data in files.items()}
            execution.succeed(app, held, _summary(held.kind, stopped), stored)
        done.append(job.id)
    return done


def _next(app: Application) -> Job | None:
    with app.unit(read_only=True) as unit:
        job: Job | None = unit.session.scalar(select(Job).where(Job.state == "queued").order_by(Job.created_at))
        return job


def _put(app: Application, job_id: str, name: str, data: bytes) -> Stored:
    return app.store.put(f"played/{job_id}/{name}", [data])


def _files(kind: str, blocked: bool) -> Mapping[str, bytes]:
    if kind == "inspect":
        return {"schema.json": _json(schema()), "preview.json": _json(preview())}
    if kind in ("fit", "sample"):
        return {
            "scorecard.json": scorecard().model_dump_json().encode(),
            "verdict.json": verdict(blocked).model_dump_json().encode(),
            "preview.json": _json(set_preview()),
        }
    if kind == "impute":
        return {FILLED["file"]: b"age,sex\n41,F\n"}
    return {"bundle.zip": bundle()} if kind == "export" else {}


def _summary(kind: str, blocked: bool) -> dict[str, Any]:
    if kind == "inspect":
        return {"rows": 5110, "columns": len(COLUMNS)}
    if kind in ("fit", "sample"):
        counts = {"represented": 21, "thin": 3, "lost": 1, "too few to tell": 4}
        found = verdict(blocked)
        outcome, failed = found.outcome, [reason.rule for reason in found.failed]
        return {
            "rows": 5110,
            "generator": "autoregressive_gan",
            "verdict": outcome,
            "census": counts,
            "scores": {},
            "failed_rules": failed,
        }
    return FILLED if kind == "impute" else {}


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


def bundle() -> bytes:
    """A zip with a table in it, the same bytes at every call."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in (("data.csv", "age,sex\n41,F\n" * 1000), ("card.json", "{}")):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return data.getvalue()


EVENTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "fit": [
        ("log", {"text": "Column 'remark': not modelled: a placeholder.", "warning": True}),
        ("log", {"text": "Training on 3,577 rows, planned 1,200 steps."}),
        *[
            ("curve", {"step": 100 * i, "train_surprise": 14 - i / 3, "worst_group_excess": 2.1 - i / 6})
            for i in range(10)
        ],
        (
            "health",
            {
                "stage": "mean",
                "step": 600,
                "state": "balanced",
                "states": ["balanced"],
                "acted": [],
                "lost": [],
                "text": "Training is balanced so far: variety and groups are as in the data.",
                "diversity": 0.99,
            },
        ),
        (
            "health",
            {
                "stage": "worst",
                "step": 300,
                "state": "group lost",
                "states": ["group lost"],
                "groups_lost": 1,
                "text": "1 group comes out less than a quarter as often as in the data.",
                "diversity": 0.97,
                "held_out_auc": 0.61,
                "held_out_gap": 0.31,
                "lost": [{"kind": "rare category", "columns": ["sex"]}],
                "acted": ["1 of 1 lost groups were put back to the share of the data."],
            },
        ),
        ("progress", {"stage": "score", "done": 1, "total": 4}),
    ]
}


def schema() -> dict[str, Any]:
    """A schema as an inspect job leaves it."""
    columns = [{"name": name, "kind": kind, "reason": reason, "warning": ""} for name, kind, reason in COLUMNS]
    return {"columns": columns, "target": None, "person": None, "k_floor": 10}


def preview() -> dict[str, Any]:
    """A preview of real rows as an inspect job leaves it."""
    columns = [
        {
            "name": name,
            "kind": kind,
            "reason": reason,
            "missing": 412 if name == "smoker" else 0,
            "distinct": 104 if kind == "integer" else 2,
            "histogram": {"labels": ["no", "yes"], "counts": [4861, 249]},
        }
        for name, kind, reason in COLUMNS
    ]
    return {"columns": columns, "rows": [["67", "M", "yes", "1"], ["61", "F", "no", "0"]], "notes": []}


def set_preview() -> dict[str, Any]:
    """Synthetic rows as a fit job leaves them."""
    return {"columns": [name for name, _, _ in COLUMNS], "rows": [["44", "F", "no", "0"], ["59", "M", "yes", "0"]]}


def verdict(blocked: bool = False) -> Verdict:
    """What the gate says of the played set."""
    reasons = (
        Reason(rule="near_copies", passed=True, message="No more near copies than in real data.", value=0.01),
        Reason(
            rule="worst_group",
            passed=not blocked,
            message="The worst group is 0.31 away, at most 0.40 is allowed.",
            value=0.31,
            bound=0.4,
        ),
    )
    return Verdict(
        outcome="blocked" if blocked else "awaiting_review", reasons=reasons, policy=GatePolicy(name="standard")
    )


def scorecard() -> Scorecard:
    """A small scorecard with every family, status and census word."""
    interval = Interval(low=0.93, high=0.98, method="bootstrap")
    results = (
        MetricResult(
            metric="quality", title="sdmetrics quality score", family="fidelity", better="higher",
            low=0, high=1, best=1, value=0.957, interval=interval, holdout=0.981,
            explanation="Shapes of columns and of column pairs.",
            figures=(Figure(name="columns", title="Column shapes", value=0.97, holdout=0.99),),
        ),
        MetricResult(
            metric="mode_census", title="Mode census", family="coverage", better="higher",
            low=0, high=1, best=1, value=0.84, holdout=0.97, groups=_groups(),
        ),
        MetricResult(
            metric="worst_group", title="Worst group: distance", family="coverage", better="lower",
            low=0, high=1, best=0, value=0.31, holdout=0.22,
            figures=(
                Figure(name="mean", title="Mean over groups", value=0.08, holdout=0.06),
                Figure(name="worst", title="Worst group", value=0.31, holdout=0.22),
            ),
            groups=(GroupFigure(label="stroke = 1 and smoker = yes", kind="rare pair", real_count=61, value=0.31),),
        ),
        MetricResult(
            metric="utility", title="Train on synthetic, test on real", family="utility", better="higher",
            low=0, high=1, best=1, value=0.81, holdout=0.84,
        ),
        MetricResult(
            metric="near_copies", title="Near copies", family="privacy", better="closer",
            low=0, high=1, best=0, value=0.011, holdout=0.013,
        ),
        MetricResult(
            metric="lone_numbers", title="Numbers that belong to one person", family="privacy", better="closer",
            low=0, high=1, best=0, status=Status.NOT_APPLICABLE, reason="no column of free numbers",
        ),
        *attacked(),
    )  # fmt: skip
    plots = (
        Plot(column="sex", kind="category", bins=("F", "M", "other"), real=(0.58, 0.41, 0.01),
             synthetic=(0.57, 0.425, 0.005), real_counts=(2100, 1450, 27), suppressed=(False, False, False)),
        Plot(column="age", kind="number", bins=tuple(f"{10 * i} to {10 * i + 10}" for i in range(9)),
             real=(0.1, 0.1, 0.11, 0.12, 0.14, 0.16, 0.12, 0.1, 0.05),
             synthetic=(0.09, 0.1, 0.12, 0.12, 0.13, 0.17, 0.13, 0.1, 0.04),
             real_counts=(350,) * 9, suppressed=(False,) * 9),
    )  # fmt: skip
    return Scorecard(
        results=results, plots=plots, rows=5110, compared_rows=1022, holdout_rows=1022, train_rows=3577, k_floor=10,
        generator="autoregressive_gan", emphasis={"health": "group lost", "health_text": "1 group comes out rarely."},
        notes=("Scored on equal numbers of rows.",),
    )  # fmt: skip


def attacked() -> tuple[MetricResult, ...]:
    """Attacks on a set: one is shown safe, one is open, one gains on a pool, and some people are too few."""
    found = []
    for metric, title, value, held, half, guess in (
        ("singling_out", "Singling out", 0.012, 0.010, 0.02, 0.004),
        ("linkability", "Linkability", 0.11, 0.10, 0.05, 0.02),
        ("inference", "Attribute inference", 0.62, 0.60, 0.12, 0.55),
        ("membership", "Membership inference by distance", 0.507, 0.5, 0.03, 0.5),
    ):  # fmt: skip
        pools = [("rare categories", 0.0, 0.4), ("rare pairs", 0.01, 0.3), ("tails", 0.02, 0.2)]
        groups = [_population(name, value + more, held, half * 1.4, p, guess) for name, more, p in pools]
        if metric == "linkability":
            groups[1] = _population("rare pairs", 0.41, held, 0.09, 1e-7, guess)
        few = GroupFigure(label="clusters", kind="pool", status=Status.INSUFFICIENT, reason="57 people.")
        interval = Interval(low=max(0.0, value - half), high=value + half)
        found.append(
            MetricResult(
                metric=metric,
                title=title,
                family="privacy",
                better="lower",
                low=0,
                high=1,
                best=0,
                value=value,
                holdout=held,
                interval=interval,
                attempts=1000,
                baseline=guess,
                p_value=0.3,
                groups=(*groups, few),
            )
        )
    return tuple(found)


def _population(name: str, value: float, held: float, half: float, p: float, guess: float) -> GroupFigure:
    interval = Interval(low=max(0.0, value - half), high=value + half)
    return GroupFigure(
        label=name, kind="pool", value=value, holdout=held, interval=interval, attempts=400, baseline=guess, p_value=p
    )


def _groups() -> tuple[GroupFigure, ...]:
    found = [
        GroupFigure(label="work_type = never worked", kind="rare category", real_count=22, synthetic_count=2,
                    value=0.09, interval=Interval(low=0.02, high=0.2), census="lost"),
        GroupFigure(label="stroke = 1 and sex = F", kind="rare pair", real_count=98, synthetic_count=60, value=0.61,
                    interval=Interval(low=0.5, high=0.75), census="thin"),
        GroupFigure(label="bmi at least 48", kind="tail", real_count=12, synthetic_count=4, census="too few to tell"),
    ]  # fmt: skip
    found += [
        GroupFigure(label=f"ward = {i}", kind="category", real_count=100 + i, synthetic_count=101, value=1.0,
                    census="represented")
        for i in range(21)
    ]  # fmt: skip
    return tuple(found)
