"""A worker's part on images: reading is the real one, training is played; the same steps as `played_worker`."""

from __future__ import annotations

import base64
import json
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from image_scenes import shapes
from PIL import Image
from sqlalchemy import select

from synthgen import pipeline
from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Reason, Scorecard, Status, Verdict
from synthgen.errors import SynthgenError
from synthgen.runtime import RunContext
from synthgen.service import datasets, execution
from synthgen.service.artifacts import keys
from synthgen.service.artifacts.base import Stored
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Job
from synthgen.service.outcomes import Failure
from synthgen.service.read_models import Actor, DatasetView
from synthgen.spec import GatePolicy, RunSpec

NASTY = "<img src=x onerror=alert(1)>"  # a class that a page must escape
COUNTS = {"round": 40, "square": 24, NASTY: 12}


def png(pixels: np.ndarray) -> bytes:
    """Pixels (h, w) or (h, w, 3), uint8, as a file."""
    data = BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def uri(pixels: np.ndarray) -> str:
    """The same as text that a page can show."""
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def archive(counts: dict[str, int] = COUNTS, seed: int = 0) -> bytes:
    """A zip with one folder a class."""
    data, names, stack = BytesIO(), tuple(counts), shapes(tuple(counts.values()), seed=seed)
    with zipfile.ZipFile(data, "w") as made:
        for i, (pixels, label) in enumerate(zip(stack.pixels, stack.labels, strict=True)):
            made.writestr(f"{names[label]}/{i}.png", png(pixels))
    return data.getvalue()


def upload(app: Application, actor: Actor, name: str = "shapes") -> DatasetView:
    """Upload the zip and read it."""
    made = datasets.add(app, actor, name=name, filename=f"{name}.zip", chunks=[archive()])
    work(app)
    return datasets.get(app, actor, made.id)


def work(app: Application, *, blocked: bool = False) -> list[str]:
    """Do every queued job; returns the ids."""
    done = []
    while (job := _next(app)) is not None:
        held = execution.claim(app, job.id, "played")
        assert held is not None
        try:
            files, summary = _read(app, job) if job.kind == "inspect" else _made(job.kind, blocked)
        except SynthgenError as error:
            execution.fail(app, held, Failure.of(error))
            continue
        stored = {name: _put(app, job.id, name, data) for name, data in files.items()}
        execution.succeed(app, held, summary, stored)
        done.append(job.id)
    return done


def draw(app: Application, job_id: str) -> None:
    """Begin a queued job and leave a picture of what it generates, as a worker does."""
    execution.claim(app, job_id, "played")
    with app.unit(read_only=True) as unit:
        job: Job = unit.get(Job, job_id)
    app.store.put(keys.picture(job, job.fence), [png(shapes((1,), seed=5).pixels[0])])


def _next(app: Application) -> Job | None:
    with app.unit(read_only=True) as unit:
        job: Job | None = unit.session.scalar(select(Job).where(Job.state == "queued").order_by(Job.created_at))
        return job


def _put(app: Application, job_id: str, name: str, data: bytes) -> Stored:
    return app.store.put(f"played/{job_id}/{name}", [data])


def _read(app: Application, job: Job) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The real reading, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "source.zip", Path(folder) / "outputs"
        path.write_bytes(b"".join(app.store.open(keys.source("default", job.dataset_id))))
        summary = pipeline.inspect(path, "shapes", RunSpec(), RunContext(), out)
        return {file.name: file.read_bytes() for file in out.iterdir()}, summary


def _made(kind: str, blocked: bool) -> tuple[dict[str, bytes], dict[str, Any]]:
    if kind not in ("fit", "sample"):
        return ({"bundle.zip": b"PK"}, {}) if kind == "export" else ({}, {})
    found = verdict(blocked)
    files = {
        "scorecard.json": scorecard().model_dump_json().encode(),
        "verdict.json": found.model_dump_json().encode(),
        "preview.json": b"{}",
        "gallery.json": json.dumps(gallery()).encode(),
    }
    return files, {"rows": 76, "generator": "conditional_gan", "verdict": found.outcome, "census": {"represented": 3}}


def verdict(blocked: bool = False) -> Verdict:
    """What the gate says of the played set."""
    reasons = (
        Reason(rule="mode_census/lost_classes", passed=not blocked, message="No class was lost.", value=0, bound=0),
        Reason(rule="near_copies", passed=True, message="No more near copies than in real images.", value=0.01),
    )
    return Verdict(
        outcome="blocked" if blocked else "awaiting_review", reasons=reasons, policy=GatePolicy(name="standard")
    )


def scorecard() -> Scorecard:
    """A small scorecard of images with lines by class, one of them too small to be told."""
    interval = Interval(low=0.6, high=0.9, method="bootstrap")
    results = (
        MetricResult(
            metric="frechet", title="Frechet distance", family="fidelity", better="lower", low=0, high=1000, best=0,
            value=3.2, holdout=0.4, groups=_lines(3.0, 0.5),
        ),
        MetricResult(
            metric="precision", title="Precision", family="fidelity", better="higher", low=0, high=1, best=1,
            value=0.8, holdout=0.83, groups=_lines(0.8, 0.83),
        ),
        MetricResult(
            metric="coverage", title="Coverage", family="coverage", better="higher", low=0, high=1, best=1,
            value=0.71, interval=interval, holdout=0.9, groups=_lines(0.7, 0.9),
            figures=(Figure(name="rarest", title="The rarest class", value=0.55, holdout=0.9),),
        ),
        MetricResult(
            metric="mode_census", title="Mode census", family="coverage", better="higher", low=0, high=1, best=1,
            value=0.9, holdout=1.0, groups=_census(),
        ),
        MetricResult(
            metric="accuracy_score", title="Train on synthetic, test on real", family="utility", better="higher",
            low=0, high=1, best=1, value=0.74, interval=interval, holdout=0.8,
        ),
        *(
            MetricResult(
                metric=metric, title=metric.replace("_", " ").capitalize(), family="privacy", better="lower", low=0,
                high=1, best=0, value=value, holdout=held, interval=Interval(low=held - 0.05, high=held + 0.06),
                attempts=60, p_value=0.4,
            )
            for metric, value, held in (
                ("copied_images", 0.0, 0.0), ("near_copies", 0.012, 0.01), ("closest_image", 0.51, 0.5),
                ("membership", 0.51, 0.5),
            )
        ),
    )  # fmt: skip
    return Scorecard(
        results=results, rows=76, compared_rows=76, holdout_rows=15, train_rows=54, k_floor=10,
        generator="conditional_gan", modality="images",
    )  # fmt: skip


def _lines(value: float, held: float) -> tuple[GroupFigure, ...]:
    told = [
        GroupFigure(label=name, kind="class", columns=("class",), real_count=count, synthetic_count=count, value=value,
                    holdout=held)
        for name, count in COUNTS.items()
    ]  # fmt: skip
    few = {"value": None, "holdout": None, "status": Status.INSUFFICIENT, "reason": "Fewer than 8 images."}
    return (*told[:-1], told[-1].model_copy(update=few))


def _census() -> tuple[GroupFigure, ...]:
    classes = [
        GroupFigure(label=name, kind="class", columns=("class",), real_count=count, synthetic_count=count, value=1.0,
                    holdout=1.0, census=word)
        for (name, count), word in zip(COUNTS.items(), ("represented", "thin", "too few to tell"), strict=True)
    ]  # fmt: skip
    cluster = GroupFigure(label="round 2", kind="cluster", real_count=14, synthetic_count=1, value=0.1, census="lost")
    return (*classes, cluster)


def gallery() -> dict[str, Any]:
    """Real beside made images, and two close pairs."""
    uris = [uri(pixels) for pixels in shapes((12, 12, 12), seed=3).pixels]
    return {
        "classes": [
            {
                "class": name, "real_count": count, "synthetic_count": count,
                "real": uris[:6], "synthetic": uris[6:12], "between": uris[3:9],
            }
            for name, count in COUNTS.items()
        ],
        "pairs": [
            {
                "class": NASTY,
                "nearest_class": "round",
                "synthetic": uris[0],
                "nearest": uris[1],
                "unseen": uris[2],
                "to_training": near,
                "to_holdout": 0.9,
            }
            for near in (0.21, 0.8)
        ],
    }  # fmt: skip
