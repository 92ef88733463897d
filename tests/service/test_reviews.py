from datetime import UTC, datetime, timedelta

import pytest
from committing import fitted

from synthgen.errors import Conflict, GateError, InputError, NotFound
from synthgen.service import execution, exports, jobs, reviews
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import ReleaseRow

WHY = {"purpose": "teaching", "recipient": "the university"}


def exported(app, release, content=b"bundle content"):
    held = execution.claim(app, release.export_job_id, "test")
    stored = app.store.put(f"{keys.release_folder('default', release.id)}/{held.fence}/bundle.zip", [content])
    execution.succeed(app, held, {}, {"bundle.zip": stored})


def test_a_released_set_is_exported_and_downloads_in_ranges(app, actor):
    _, job, set_id = fitted(app, actor)
    release = reviews.release(app, actor, set_id, **WHY)
    assert not release.ready
    assert reviews.get_set(app, actor, set_id).state == "exporting"
    assert jobs.get(app, actor, release.export_job_id).parent_id == job.id
    with pytest.raises(Conflict, match="still being written"):
        exports.open_bundle(app, actor, release.id)
    exported(app, release)
    assert exports.get(app, actor, release.id).ready
    assert reviews.get_set(app, actor, set_id).state == "released"
    filename, size, frames = exports.open_bundle(app, actor, release.id, 7, 10)
    assert (filename.endswith(".zip"), size, b"".join(frames)) == (True, 14, b"con")


def test_a_blocked_set_cannot_be_released(app, actor):
    _, _, set_id = fitted(app, actor, verdict="blocked")
    with pytest.raises(GateError):
        reviews.release(app, actor, set_id, **WHY)
    assert reviews.reject(app, actor, set_id, "the gate was right").state == "rejected"
    with pytest.raises(GateError):
        reviews.release(app, actor, set_id, **WHY)


def test_a_verdict_the_service_does_not_know_reads_as_blocked(app, actor):
    _, _, set_id = fitted(app, actor, verdict="fine, thanks")
    assert reviews.get_set(app, actor, set_id).state == "blocked"


def test_one_set_is_released_once(app, actor):
    _, _, set_id = fitted(app, actor)
    reviews.release(app, actor, set_id, **WHY)
    with pytest.raises(Conflict):
        reviews.release(app, actor, set_id, **WHY)
    with pytest.raises(Conflict):
        reviews.reject(app, actor, set_id, "too late")


@pytest.mark.parametrize("missing", ["purpose", "recipient"])
def test_a_release_says_what_for_and_to_whom(app, actor, missing):
    _, _, set_id = fitted(app, actor)
    with pytest.raises(InputError, match=missing):
        reviews.release(app, actor, set_id, **{**WHY, missing: "  "})


def test_a_withdrawn_or_expired_release_does_not_download(app, actor):
    _, _, set_id = fitted(app, actor)
    release = reviews.release(app, actor, set_id, expires_at=datetime.now(UTC) + timedelta(days=1), **WHY)
    exported(app, release)
    with app.unit() as unit:
        unit.get(ReleaseRow, release.id).expires_at = unit.after(-1)
    with pytest.raises(GateError, match="expired"):
        exports.open_bundle(app, actor, release.id)
    assert reviews.withdraw(app, actor, release.id, "a mistake").withdrawn_at is not None
    with pytest.raises(GateError, match="withdrawn"):
        exports.open_bundle(app, actor, release.id)
    assert reviews.get_set(app, actor, set_id).state == "withdrawn"


def test_a_release_cannot_expire_in_the_past(app, actor):
    _, _, set_id = fitted(app, actor)
    with pytest.raises(InputError, match="expire"):
        reviews.release(app, actor, set_id, expires_at=datetime(2020, 1, 1), **WHY)


def test_a_withdrawal_while_exporting_wins(app, actor):
    _, _, set_id = fitted(app, actor)
    release = reviews.release(app, actor, set_id, **WHY)
    held = execution.claim(app, release.export_job_id, "test")
    reviews.withdraw(app, actor, release.id, "a mistake")
    stored = app.store.put("projects/default/releases/x/bundle.zip", [b"x"])
    execution.succeed(app, held, {}, {"bundle.zip": stored})
    assert reviews.get_set(app, actor, set_id).state == "withdrawn"
    with pytest.raises(GateError):
        exports.open_bundle(app, actor, release.id)


def test_a_failed_export_goes_back_to_review(app, actor):
    _, _, set_id = fitted(app, actor)
    release = reviews.release(app, actor, set_id, **WHY)
    held = execution.claim(app, release.export_job_id, "test")
    execution.fail(app, held, execution.Failure("gate", "No.", "", False))
    assert reviews.get_set(app, actor, set_id).state == "awaiting_review"
    jobs.retry(app, actor, release.export_job_id)
    assert reviews.get_set(app, actor, set_id).state == "exporting"


def test_unknown_sets_and_releases_are_not_found(app, actor):
    with pytest.raises(NotFound):
        reviews.get_set(app, actor, "nothing")
    with pytest.raises(NotFound):
        exports.open_bundle(app, actor, "nothing")
