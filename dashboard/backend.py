"""The dashboard's only door to the service: every call is made as the person who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from synthgen import catalog
from synthgen.contracts import Entry, Scorecard, Verdict
from synthgen.errors import NotFound
from synthgen.release import policies as release_policies
from synthgen.service import (
    audit,
    bootstrap,
    datasets,
    exports,
    gate_overrides,
    jobs,
    operations,
    overrides,
    people,
    queues,
    reviews,
)
from synthgen.service.bootstrap import Application
from synthgen.service.read_models import (
    Actor,
    DatasetView,
    EventView,
    JobView,
    OverrideView,
    PersonView,
    QueueView,
    ReleaseView,
    SetView,
    TokenView,
    WorkerView,
)
from synthgen.spec import ColumnOverride, GatePolicy, RunSpec, SampleSpec, Spec


@cache
def application() -> Application:
    """The composed service of this process, from its environment."""
    return bootstrap.build()


def who(session_token: str) -> Actor:
    """The person behind a session token; raises `NotSignedIn`."""
    return people.actor_for_session(application(), session_token)


def generators(modality: str = "tabular") -> dict[str, Entry]:
    """The generators a job may name; nothing heavy is imported."""
    return catalog.generators(modality)


def check(spec: RunSpec) -> None:
    """Raise SpecError for a job that would be refused."""
    catalog.check(spec)


def generator_name(name: str, modality: str = "tabular") -> str:
    """The generator a name means: "auto" is a choice of the catalog."""
    return name if name in generators(modality) else catalog.generator_name(RunSpec(modality=modality))


def generator_parameters(name: str, modality: str = "tabular") -> type[Spec] | None:
    """The parameters class that makes a generator's form."""
    return catalog.params_class(modality, name)


def policies(modality: str = "tabular") -> dict[str, GatePolicy]:
    """The gate policies a job may name."""
    return dict(release_policies.kind(modality).policies)


@dataclass(frozen=True)
class Backend:
    """The service, as one person sees it."""

    app: Application
    actor: Actor

    # --- datasets ---------------------------------------------------------------------------------------------------

    def datasets(self) -> list[DatasetView]:
        """Every dataset, newest first."""
        return datasets.list_all(self.app, self.actor)

    def dataset(self, dataset_id: str) -> DatasetView:
        """One dataset."""
        return datasets.get(self.app, self.actor, dataset_id)

    def schema(self, dataset_id: str) -> dict[str, Any]:
        """What each column was read as, and why."""
        return datasets.schema(self.app, self.actor, dataset_id)

    def dataset_preview(self, dataset_id: str) -> dict[str, Any]:
        """First rows and small histograms."""
        return datasets.preview(self.app, self.actor, dataset_id)

    def overrides(self, dataset_id: str) -> dict[str, ColumnOverride]:
        """What the owner says about columns."""
        return overrides.get(self.app, self.actor, dataset_id)

    def save_overrides(self, dataset_id: str, said: Mapping[str, ColumnOverride]) -> None:
        """Keep what the owner says about columns."""
        overrides.save(self.app, self.actor, dataset_id, said)

    def erase(self, dataset_id: str) -> JobView:
        """Erase a dataset."""
        return datasets.erase(self.app, self.actor, dataset_id)

    # --- jobs -------------------------------------------------------------------------------------------------------

    def submit(self, dataset_id: str, spec: RunSpec) -> JobView:
        """Submit a training job."""
        return jobs.submit_fit(self.app, self.actor, dataset_id, spec)

    def sample_again(self, fit_job_id: str, sample: SampleSpec) -> JobView:
        """Draw another set from a trained model, under the policy of its job."""
        return jobs.submit_sample(self.app, self.actor, fit_job_id, sample)

    def impute(self, fit_job_id: str) -> JobView:
        """Fill the dataset's missing cells from a trained model."""
        return jobs.submit_imputation(self.app, self.actor, fit_job_id)

    def jobs(self, limit: int = 200) -> list[JobView]:
        """Jobs, newest first."""
        return jobs.list_all(self.app, self.actor, limit=limit)

    def job(self, job_id: str) -> JobView:
        """One job."""
        return jobs.get(self.app, self.actor, job_id)

    def events(self, job_id: str, after: int = 0) -> list[EventView]:
        """A job's history after an event number."""
        return jobs.events(self.app, self.actor, job_id, after=after)

    def log(self, job_id: str) -> str:
        """The last lines that a failed attempt of a job printed."""
        return jobs.log(self.app, self.actor, job_id)

    def picture(self, job_id: str) -> bytes | None:
        """What a job on images generates just now, as a PNG; None where it shows nothing."""
        try:
            return jobs.picture(self.app, self.actor, job_id)
        except NotFound:
            return None

    def cancel(self, job_id: str) -> JobView:
        """Ask a job to stop."""
        return jobs.cancel(self.app, self.actor, job_id)

    def retry(self, job_id: str) -> JobView:
        """Queue a job again."""
        return jobs.retry(self.app, self.actor, job_id)

    # --- review -----------------------------------------------------------------------------------------------------

    def sets(self) -> list[SetView]:
        """Synthetic sets, newest first."""
        return reviews.list_sets(self.app, self.actor)

    def synthetic_set(self, set_id: str) -> SetView:
        """One synthetic set."""
        return reviews.get_set(self.app, self.actor, set_id)

    def scorecard(self, set_id: str) -> Scorecard:
        """Every score of a set."""
        return reviews.scorecard(self.app, self.actor, set_id)

    def verdict(self, set_id: str) -> Verdict:
        """What the gate decided."""
        return reviews.verdict(self.app, self.actor, set_id)

    def set_preview(self, set_id: str) -> Mapping[str, Any]:
        """Some synthetic rows."""
        return reviews.preview(self.app, self.actor, set_id)

    def gallery(self, set_id: str) -> Mapping[str, Any]:
        """Real beside synthetic images, and the closest pairs."""
        return reviews.gallery(self.app, self.actor, set_id)

    def release(self, set_id: str, purpose: str, recipient: str, expires: datetime | None, note: str) -> ReleaseView:
        """Release a set."""
        return reviews.release(
            self.app, self.actor, set_id, purpose=purpose, recipient=recipient, expires_at=expires, note=note
        )

    def override(self, set_id: str) -> OverrideView | None:
        """What two people say about a set that the gate blocked."""
        return gate_overrides.get(self.app, self.actor, set_id)

    def request_override(self, set_id: str, reason: str) -> OverrideView:
        """Ask that a blocked set be released."""
        return gate_overrides.request(self.app, self.actor, set_id, reason)

    def confirm_override(self, set_id: str) -> OverrideView:
        """Confirm what another person asked for."""
        return gate_overrides.confirm(self.app, self.actor, set_id)

    def reject(self, set_id: str, reason: str) -> SetView:
        """Reject a set."""
        return reviews.reject(self.app, self.actor, set_id, reason)

    # --- releases and operation -------------------------------------------------------------------------------------

    def releases(self) -> list[ReleaseView]:
        """Releases, newest first."""
        return exports.list_releases(self.app, self.actor)

    def withdraw(self, release_id: str, reason: str) -> ReleaseView:
        """Withdraw a release."""
        return reviews.withdraw(self.app, self.actor, release_id, reason)

    def queues(self) -> list[QueueView]:
        """What waits and runs in each queue, and who serves it."""
        return queues.overview(self.app, self.actor)

    def workers(self) -> list[WorkerView]:
        """Workers as last seen."""
        return operations.workers(self.app, self.actor)

    def health(self) -> Mapping[str, Any]:
        """Which component answers."""
        return operations.health(self.app)

    def trail(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest lines of the audit trail."""
        return audit.trail(self.app, self.actor, limit)

    def people(self) -> list[PersonView]:
        """Everybody with an account."""
        return people.list_people(self.app, self.actor)

    def invite(self) -> str:
        """A link with which another person makes an account, shown once."""
        return f"{self.app.settings.address}/account/join?token={people.invite(self.app, self.actor)}"

    def tokens(self) -> list[TokenView]:
        """The person's API tokens that still work."""
        return people.list_tokens(self.app, self.actor)

    def revoke_token(self, token_id: str) -> None:
        """End one of the person's API tokens."""
        people.revoke_token(self.app, self.actor, token_id)

    def issue_token(self, label: str) -> str:
        """A new API token, shown once."""
        return people.issue_token(self.app, self.actor, label)
