"""What a worker does to a job, without the child: real claims and commits, with files a test chooses."""

import json

from synthgen.service import datasets, execution, jobs
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job
from synthgen.spec import RunSpec

CSV = b"age,ward\n61,north\n47,south\n"
SUMMARY = {"rows": 2, "columns": 2, "generator": "autoregressive_gan", "verdict": "awaiting_review"}


def outputs(app, held, files):
    with app.unit(read_only=True) as unit:
        folder = f"{keys.attempt_folder(unit.get(Job, held.job_id), held.fence)}/outputs"
    return {name: app.store.put(f"{folder}/{name}", [content]) for name, content in files.items()}


def finish(app, job_id, summary=SUMMARY, **files):
    """Claim and commit a queued job; keyword `schema_json=...` becomes the artifact schema.json."""
    held = execution.claim(app, job_id, "test")
    named = {name.replace("_", "."): json.dumps(content).encode() for name, content in files.items()}
    execution.succeed(app, held, summary, outputs(app, held, named))
    return held


def ready_dataset(app, actor, **options):
    added = datasets.add(app, actor, name="ward", filename="ward.csv", chunks=[CSV], **options)
    finish(app, added.inspect_job_id, schema_json={"columns": []}, preview_json={"rows": []})
    return datasets.get(app, actor, added.id)


def fitted(app, actor, verdict="awaiting_review"):
    """A dataset with a committed fit job; returns dataset, job and set id."""
    dataset = ready_dataset(app, actor)
    job = jobs.submit_fit(app, actor, dataset.id, RunSpec())
    finish(app, job.id, {**SUMMARY, "verdict": verdict}, scorecard_json={}, preview_json={"rows": []})
    job = jobs.get(app, actor, job.id)
    return dataset, job, job.set_id
