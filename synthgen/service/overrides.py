"""What the owner says about a dataset's columns, kept with the dataset so that every browser and program sees it.

It may hold texts a person typed (how missing cells are written), so it lies in the store; the row holds its key only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from synthgen.errors import Conflict, NotFound, SpecError, raise_all
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.datasets import find, parsed_artifact
from synthgen.service.db.tables import Dataset
from synthgen.service.db.unit_of_work import new_id
from synthgen.service.read_models import Actor
from synthgen.spec import ColumnOverride

Overrides = dict[str, ColumnOverride]
KEPT = TypeAdapter(Overrides)


def get(app: Application, actor: Actor, dataset_id: str) -> Overrides:
    """The overrides kept with a dataset, by column; empty where nothing was corrected."""
    key = _key(app, actor, dataset_id)
    while key:
        try:
            return KEPT.validate_python(json.loads(b"".join(app.store.open(key))))
        except NotFound:  # somebody saved others between our look at the row and at the store
            before, key = key, _key(app, actor, dataset_id)
            if before == key:
                raise
    return {}


def save(app: Application, actor: Actor, dataset_id: str, overrides: Mapping[str, ColumnOverride]) -> Overrides:
    """Keep these overrides with the dataset in the place of those before; later jobs are offered them.

    Raises SpecError for columns the dataset does not have. Jobs already submitted keep what they were submitted with.
    """
    said = {name: one for name, one in overrides.items() if one != ColumnOverride()}
    _check_columns(app, actor, dataset_id, said)
    folder = f"{keys.overrides_folder(actor.project_id, dataset_id)}/{new_id()}"
    key = f"{folder}/columns.json"
    if said:
        app.store.put(key, [KEPT.dump_json(said)])
    try:
        with app.unit() as unit:
            row = find(unit, actor, dataset_id)
            unit.session.refresh(row, with_for_update=True)
            _check_ready(row)
            before, row.overrides_key = row.overrides_key, key if said else None
            unit.audit(actor.user_id, "dataset.overridden", dataset_id, columns=sorted(said))
    except BaseException:
        app.store.delete_all(folder)
        raise
    if before:
        app.store.delete_all(before.rsplit("/", 1)[0])
    return said


def _key(app: Application, actor: Actor, dataset_id: str) -> str | None:
    with app.unit(read_only=True) as unit:
        return find(unit, actor, dataset_id).overrides_key


def _check_columns(app: Application, actor: Actor, dataset_id: str, said: Overrides) -> None:
    with app.unit(read_only=True) as unit:
        row = find(unit, actor, dataset_id)
        _check_ready(row)
        job_id = row.inspect_job_id or ""
    known = {column["name"] for column in parsed_artifact(app, actor, job_id, "schema.json").get("columns", ())}
    problems = [f"Column {name!r} is not in this dataset." for name in said if name not in known]
    raise_all(SpecError, problems, "Look at the dataset's schema for the names of its columns.")


def _check_ready(row: Dataset) -> None:
    if row.state != "ready":
        raise Conflict(f"This dataset is not ready: {row.state}.", row.error or "Wait until it has been read.")
