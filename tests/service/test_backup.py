"""A back-up holds what a new installation needs to go on: rows, files, jobs that were waiting or at work."""

import shutil

import pytest
from committing import fitted, ready_dataset
from pydantic import SecretStr
from running_servers import in_s3, new_database
from sqlalchemy import func, select

from synthgen.errors import Conflict, InputError, NotSignedIn
from synthgen.service import backup, bootstrap, datasets, execution, jobs, people, turns
from synthgen.service.db.migrate import migrate
from synthgen.service.db.tables import Base
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec

PASSWORD = "correct horse battery staple"
CHECKPOINT = b"weights of an hour"


@pytest.fixture
def busy(app, actor):
    """An installation with a finished, a waiting and a running job, the latter with a checkpoint."""
    dataset, _, _ = fitted(app, actor)
    waiting, running = (jobs.submit_fit(app, actor, dataset.id, RunSpec(seed=s)) for s in (1, 2))
    held = execution.claim(app, running.id, "w")
    kept = app.store.put(f"projects/default/datasets/{dataset.id}/jobs/{running.id}/1/checkpoint/1/w", [CHECKPOINT])
    file = {"name": "w", "key": kept.key, "size": kept.size, "sha256": kept.sha256}
    execution.keep_checkpoint(app, held, [file])
    return dataset, waiting, running


PRODUCTION = pytest.param("production", marks=[pytest.mark.postgres, pytest.mark.s3])


@pytest.fixture(params=["embedded", PRODUCTION])
def elsewhere(request, tmp_path):
    """A new, empty installation: SQLite and a folder, or PostgreSQL and S3."""
    settings = Settings(home=tmp_path / "new", lease_seconds=1.0, heartbeat_seconds=0.4)
    if request.param == "production":
        address = SecretStr(new_database(request.getfixturevalue("postgres")))
        store = in_s3(request.getfixturevalue("s3_endpoint"))
        settings = settings.model_copy(update={"database_url": address, **store})
    built = bootstrap.build(settings)
    migrate(built.engine)
    yield built
    built.close()


def rows(app, table):
    with app.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Base.metadata.tables[table]))


def test_a_restored_installation_goes_on_where_the_other_was(app, actor, busy, elsewhere, tmp_path):
    dataset, waiting, running = busy
    before = {table: rows(app, table) for table in Base.metadata.tables}
    found = backup.save(app, tmp_path / "b")
    assert (found.missing, found.damaged) == ((), ())
    assert found.rows == before
    backup.restore(elsewhere, tmp_path / "b")
    same = {"datasets", "jobs", "people", "synthetic_sets", "artifacts", "tokens"}
    assert {table: rows(elsewhere, table) for table in same} == {table: before[table] for table in same}
    assert datasets.get(elsewhere, actor, dataset.id) == datasets.get(app, actor, dataset.id)
    assert sorted(elsewhere.store.keys("projects")) == sorted(app.store.keys("projects"))
    states = {job.id: (job.state, job.attempts) for job in jobs.list_all(elsewhere, actor)}
    assert (states[waiting.id], states[running.id]) == (("queued", 0), ("queued", 0))
    assert jobs.spec(elsewhere, actor, running.id) == RunSpec(seed=2)
    claims = [turns.claim_next(elsewhere, waiting.id, "w")[1] for _ in range(2)]
    again = next(held for held in claims if held.job_id == running.id)
    assert again.fence == 2, "what the old installation's worker still sends is refused"
    with elsewhere.unit(read_only=True) as unit:
        (file,) = unit.session.scalars(select(Base.metadata.tables["jobs"].c.checkpoint).filter_by(id=running.id)).one()
    assert b"".join(elsewhere.store.open(file["key"])) == CHECKPOINT
    again = backup.save(elsewhere, tmp_path / "again")
    assert (again.missing, again.damaged) == ((), ())
    assert {table: again.rows[table] for table in same} == {table: before[table] for table in same}


def test_people_sign_in_again_with_their_passwords_and_tokens_stay(app, actor, elsewhere, tmp_path):
    session, token = people.sign_in(app, "eva", PASSWORD), people.issue_token(app, actor, "nightly")
    backup.save(app, tmp_path / "b")
    backup.restore(elsewhere, tmp_path / "b")
    with pytest.raises(NotSignedIn):
        people.actor_for_session(elsewhere, session)
    assert people.actor_for_token(elsewhere, token).name == "eva"
    assert people.sign_in(elsewhere, "eva", PASSWORD)


def test_what_went_missing_or_bad_is_told_and_a_lost_checkpoint_only_costs_time(app, actor, busy, tmp_path):
    dataset, _, running = busy
    source = app.settings.root / "store" / f"projects/default/datasets/{dataset.id}/source"
    source.write_bytes(b"something else")
    shutil.rmtree(app.settings.root / "store" / f"projects/default/datasets/{dataset.id}/jobs/{running.id}/1")
    (spec,) = (app.settings.root / "store").rglob(f"{running.id}/spec.json")
    spec.unlink()
    found = backup.save(app, tmp_path / "b")
    assert [key.rsplit("/", 1)[1] for key in found.damaged] == ["source"]
    assert [key.rsplit("/", 2)[1] for key in found.missing] == [running.id]
    with bootstrap.running(Settings(home=tmp_path / "n")) as new:
        backup.restore(new, tmp_path / "b")
        with new.unit(read_only=True) as unit:
            table = Base.metadata.tables["jobs"]
            assert unit.session.scalars(select(table.c.checkpoint).filter_by(id=running.id)).one() == []


def test_nothing_is_overwritten_and_half_a_backup_is_none(app, actor, tmp_path):
    ready_dataset(app, actor)
    backup.save(app, tmp_path / "b")
    with pytest.raises(Conflict, match="not empty"):
        backup.save(app, tmp_path / "b")
    with pytest.raises(Conflict, match="already holds"):
        backup.restore(app, tmp_path / "b")
    (tmp_path / "b" / backup.MANIFEST).unlink()
    with bootstrap.running(Settings(home=tmp_path / "n")) as new, pytest.raises(InputError, match="no finished"):
        backup.restore(new, tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"rows.db", "store"}, "one file without its log"
