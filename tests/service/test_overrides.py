"""What the owner says about columns stays with the dataset, outside the database, and goes when the dataset goes."""

import threading

import pytest
from committing import finish, ready_dataset

from synthgen.errors import Conflict, NotFound, SpecError
from synthgen.service import audit, datasets, overrides
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import AuditRow, Dataset
from synthgen.spec import ColumnOverride

TYPED = "Dr Zebra"
SAID = {"ward": ColumnOverride(kind="category", missing_tokens=(TYPED,)), "age": ColumnOverride(decimals=0)}
SCHEMA = {"columns": [{"name": "age"}, {"name": "ward"}]}


@pytest.fixture
def dataset(app, actor):
    added = datasets.add(app, actor, name="ward", filename="ward.csv", chunks=[b"age,ward\n61,north\n"])
    finish(app, added.inspect_job_id, schema_json=SCHEMA, preview_json={"rows": []})
    return added.id


def kept(app, dataset):
    return list(app.store.keys(keys.overrides_folder("default", dataset)))


def test_what_was_saved_is_there_for_everybody_and_the_last_word_counts(app, actor, dataset):
    assert overrides.get(app, actor, dataset) == {}
    overrides.save(app, actor, dataset, SAID)
    another = actor.model_copy(update={"user_id": "2", "name": "kim"})
    assert overrides.get(app, another, dataset) == SAID
    overrides.save(app, another, dataset, {"age": ColumnOverride(drop=True), "ward": ColumnOverride()})
    assert overrides.get(app, actor, dataset) == {"age": ColumnOverride(drop=True)}
    assert len(kept(app, dataset)) == 1
    overrides.save(app, actor, dataset, {})
    assert overrides.get(app, actor, dataset) == {}
    assert kept(app, dataset) == []


def test_it_is_written_down_and_no_typed_text_reaches_the_database(app, actor, dataset):
    overrides.save(app, actor, dataset, SAID)
    line = next(line for line in audit.trail(app, actor) if line["action"] == "dataset.overridden")
    assert line["detail"] == {"columns": ["age", "ward"]}
    with app.unit(read_only=True) as unit:
        rows = [unit.get(Dataset, dataset), *unit.session.query(AuditRow)]
        assert not any(TYPED in str(vars(row)) for row in rows)


def test_unknown_columns_are_all_named_and_nothing_changes(app, actor, dataset):
    overrides.save(app, actor, dataset, SAID)
    with pytest.raises(SpecError, match=r"'agee'.*'ward '"):
        overrides.save(app, actor, dataset, {"agee": ColumnOverride(drop=True), "ward ": ColumnOverride(public=True)})
    assert overrides.get(app, actor, dataset) == SAID
    assert len(kept(app, dataset)) == 1


def test_only_a_dataset_of_ones_own_that_is_ready_takes_them(app, actor, dataset):
    stranger = actor.model_copy(update={"project_id": "another"})
    for act in (lambda: overrides.get(app, stranger, dataset), lambda: overrides.save(app, stranger, dataset, SAID)):
        with pytest.raises(NotFound):
            act()
    fresh = datasets.add(app, actor, name="w", filename="w.csv", chunks=[b"a\n1\n"])
    with pytest.raises(Conflict):
        overrides.save(app, actor, fresh.id, SAID)


def test_they_are_erased_with_their_dataset(app, actor, dataset):
    overrides.save(app, actor, dataset, SAID)
    app.store.delete_all(keys.dataset_folder("default", dataset))  # the worker's part of an erasure
    finish(app, datasets.erase(app, actor, dataset).id, {})
    assert overrides.get(app, actor, dataset) == {}


def test_readers_never_miss_them_while_others_save(app, actor, dataset):
    overrides.save(app, actor, dataset, SAID)
    problems, over = [], threading.Event()

    def read():
        while not over.is_set():
            try:
                assert overrides.get(app, actor, dataset)
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(15):
        overrides.save(app, actor, dataset, {"age": ColumnOverride(decimals=i % 12)})
    over.set()
    reader.join()
    assert problems == []
    assert len(kept(app, dataset)) == 1


def test_a_dataset_without_columns_refuses_any(app, actor):
    with pytest.raises(SpecError):
        overrides.save(app, actor, ready_dataset(app, actor).id, SAID)
