"""The verbs of a synthgen service over HTTP."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from synthgen.client.records import ApiToken, Dataset, Job, JobEvent, Override, Release, SyntheticSetInfo
from synthgen.client.transport import checked, pieces, unreachable
from synthgen.contracts import Scorecard, Verdict
from synthgen.errors import InputError, LimitError


def silent(done: int) -> None:
    """The default progress listener."""


class Client:
    """A connection to one service, with one token.

    Example: `with Client("http://localhost:8765", token) as service: service.jobs()`.
    """

    def __init__(self, url: str, token: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(60.0, connect=10.0)
        self._http = httpx.Client(base_url=f"{self.url}/api", headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # --- people -----------------------------------------------------------------------------------------------------

    def set_up(self, setup_token: str, name: str, password: str) -> None:
        """Create the first account with the one-time token."""
        self._post("/setup", {"token": setup_token, "name": name, "password": password})

    def invite(self) -> str:
        """A one-time token with which another person makes an account; shown once, for administrators."""
        token: str = self._post("/people/invitations", {})["token"]
        return token

    def join(self, invitation: str, name: str, password: str) -> None:
        """Create an account with the token of an invitation."""
        self._post("/join", {"token": invitation, "name": name, "password": password})

    def sign_in(self, name: str, password: str, label: str = "CLI") -> str:
        """Exchange name and password for a token, and use it from here on."""
        token: str = self._post("/tokens", {"name": name, "password": password, "label": label})["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    def tokens(self) -> list[ApiToken]:
        """Your tokens that still work."""
        return [ApiToken.model_validate(item) for item in self._get("/me/tokens")]

    def revoke_token(self, token_id: str) -> None:
        """End one of your tokens."""
        with self._reached():
            checked(self._http.delete(f"/me/tokens/{token_id}"))

    # --- datasets ---------------------------------------------------------------------------------------------------

    def upload(self, path: Path, name: str | None = None, told: Callable[[int], Any] = silent) -> Dataset:
        """Upload a table or images; `told` hears how many bytes have gone."""
        if path.is_dir():
            raise InputError(f"{path} is a folder; one file is uploaded.", "Pack the folder into a zip first.")
        if not path.is_file():
            raise InputError(f"There is no file at {path}.", "Check the path.")
        params = {"name": name or path.name, "filename": path.name}
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
        with self._reached():
            response = self._http.post(
                "/datasets", params=params, headers=headers, content=pieces(path, told), timeout=None
            )
        return Dataset.model_validate(checked(response).json())

    def datasets(self) -> list[Dataset]:
        """Every dataset, newest first."""
        return [Dataset.model_validate(item) for item in self._get("/datasets")]

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return Dataset.model_validate(self._get(f"/datasets/{dataset_id}"))

    def schema(self, dataset_id: str) -> dict[str, Any]:
        """What each column was read as, and why; of images their size and classes."""
        found: dict[str, Any] = self._get(f"/datasets/{dataset_id}/schema")
        return found

    def overrides(self, dataset_id: str) -> dict[str, Any]:
        """What the owner says about columns: column -> fields of a ColumnOverride that were set."""
        found: dict[str, dict[str, Any]] = self._get(f"/datasets/{dataset_id}/overrides")
        return {name: {k: v for k, v in one.items() if v is not None} for name, one in found.items()}

    def save_overrides(self, dataset_id: str, overrides: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what the owner says about columns with the dataset, in the place of what was said before."""
        with self._reached():
            checked(self._http.put(f"/datasets/{dataset_id}/overrides", json=dict(overrides)))

    def await_dataset(self, dataset_id: str, seconds: float = 300) -> Dataset:
        """Wait until the schema is known; raises `InputError` with the reason when the file cannot be used."""
        deadline = time.monotonic() + seconds
        while (dataset := self.dataset(dataset_id)).state == "inspecting":
            _pause(deadline, "The schema was not ready")
        if dataset.state != "ready":
            raise InputError(dataset.error or "The dataset cannot be used.", self._what_to_do(dataset_id))
        return dataset

    def _what_to_do(self, dataset_id: str) -> str:
        """The hint that the reading of a dataset ended with."""
        read = (job for job in self.jobs() if job.dataset_id == dataset_id and job.kind == "inspect")
        return next((job.hint for job in read if job.hint), "Correct the file and upload it again.")

    def erase(self, dataset_id: str) -> Job:
        """Erase a dataset."""
        with self._reached():
            return Job.model_validate(checked(self._http.delete(f"/datasets/{dataset_id}")).json())

    # --- jobs -------------------------------------------------------------------------------------------------------

    def submit(self, dataset_id: str, spec: Mapping[str, Any]) -> Job:
        """Submit a training job; `spec` holds the fields of a RunSpec that differ from its defaults."""
        return Job.model_validate(self._post("/jobs", {"dataset_id": dataset_id, "spec": dict(spec)}))

    def sample(self, job_id: str, sample: Mapping[str, Any], policy: str | Mapping[str, Any] | None = None) -> Job:
        """Draw another set from a trained model; `policy` is a name, or the fields of a GatePolicy."""
        return Job.model_validate(self._post(f"/jobs/{job_id}/sample", {"sample": dict(sample), "policy": policy}))

    def impute(self, job_id: str) -> Job:
        """Fill the missing cells of a dataset from the model that a finished job trained."""
        return Job.model_validate(self._post(f"/jobs/{job_id}/impute", {}))

    def download_filled(self, job_id: str, out: Path) -> Path:
        """Download the table that an imputation filled; it holds real people. The hash is checked."""
        part = out.with_name(out.name + ".part")
        with self._reached(), self._http.stream("GET", f"/jobs/{job_id}/filled") as response:
            if not response.is_success:
                response.read()
            checked(response)
            with part.open("wb") as file:
                for piece in response.iter_bytes(1 << 20):
                    file.write(piece)
        if _sha256(part) != response.headers.get("etag", "").strip('"'):
            part.unlink()
            raise InputError("The downloaded table does not match its hash.", "Download it again.")
        os.replace(part, out)
        return out

    def jobs(self, limit: int = 100) -> list[Job]:
        """Jobs, newest first."""
        return [Job.model_validate(item) for item in self._get("/jobs", limit=limit)]

    def job(self, job_id: str) -> Job:
        """One job."""
        return Job.model_validate(self._get(f"/jobs/{job_id}"))

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """What happened in a job after event number `after`."""
        return [JobEvent.model_validate(item) for item in self._get(f"/jobs/{job_id}/events", after=after)]

    def health(self, job_id: str) -> JobEvent | None:
        """What training last said of its health, or None."""
        told = self._get(f"/jobs/{job_id}/events", kind="health")
        return JobEvent.model_validate(told[-1]) if told else None

    def warnings(self, job_id: str) -> list[str]:
        """What a job said that cannot be modelled or comes back changed, each line once."""
        told = [JobEvent.model_validate(item) for item in self._get(f"/jobs/{job_id}/events", kind="log")]
        return list(dict.fromkeys(str(e.payload["text"]) for e in told if e.payload.get("warning")))

    def log(self, job_id: str) -> str:
        """The last lines that a failed attempt of a job printed."""
        with self._reached():
            return checked(self._http.get(f"/jobs/{job_id}/log")).text

    def picture(self, job_id: str) -> bytes:
        """What a job on images generates just now, as a PNG; raises `NotFound` where it shows none."""
        with self._reached():
            return checked(self._http.get(f"/jobs/{job_id}/picture")).content

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return Job.model_validate(self._post(f"/jobs/{job_id}/cancel", {}))

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again."""
        return Job.model_validate(self._post(f"/jobs/{job_id}/retry", {}))

    def follow(self, job_id: str, told: Callable[[Job], Any], pause: float = 1.0) -> Job:
        """Watch a job until it is finished; `told` hears of every look."""
        while True:
            job = self.job(job_id)
            told(job)
            if job.finished:
                return job
            time.sleep(pause)

    # --- review -----------------------------------------------------------------------------------------------------

    def sets(self) -> list[SyntheticSetInfo]:
        """Synthetic sets, newest first."""
        return [SyntheticSetInfo.model_validate(item) for item in self._get("/sets")]

    def synthetic_set(self, set_id: str) -> SyntheticSetInfo:
        """One synthetic set."""
        return SyntheticSetInfo.model_validate(self._get(f"/sets/{set_id}"))

    def scorecard(self, set_id: str) -> Scorecard:
        """Every score of a set."""
        return Scorecard.model_validate(self._get(f"/sets/{set_id}/scorecard"))

    def verdict(self, set_id: str) -> Verdict:
        """What the gate decided."""
        return Verdict.model_validate(self._get(f"/sets/{set_id}/verdict"))

    def gallery(self, set_id: str) -> dict[str, Any]:
        """Real beside synthetic images by class and the closest pairs, as data URIs."""
        found: dict[str, Any] = self._get(f"/sets/{set_id}/gallery")
        return found

    def release(
        self, set_id: str, purpose: str, recipient: str, expires_at: str | None = None, note: str = ""
    ) -> Release:
        """Release a set that awaits review."""
        body = {"purpose": purpose, "recipient": recipient, "expires_at": expires_at, "note": note}
        return Release.model_validate(self._post(f"/sets/{set_id}/release", body))

    def reject(self, set_id: str, reason: str) -> SyntheticSetInfo:
        """Reject a set."""
        return SyntheticSetInfo.model_validate(self._post(f"/sets/{set_id}/reject", {"reason": reason}))

    def request_override(self, set_id: str, reason: str) -> Override:
        """Ask that a blocked set be released; another person has to confirm it."""
        return Override.model_validate(self._post(f"/sets/{set_id}/override", {"reason": reason}))

    def confirm_override(self, set_id: str) -> Override:
        """Confirm what another person asked for."""
        return Override.model_validate(self._post(f"/sets/{set_id}/override/confirm", {}))

    def override(self, set_id: str) -> Override:
        """What was asked and confirmed about a blocked set."""
        return Override.model_validate(self._get(f"/sets/{set_id}/override"))

    # --- releases ---------------------------------------------------------------------------------------------------

    def releases(self) -> list[Release]:
        """Releases, newest first."""
        return [Release.model_validate(item) for item in self._get("/releases")]

    def release_info(self, release_id: str) -> Release:
        """One release."""
        return Release.model_validate(self._get(f"/releases/{release_id}"))

    def withdraw(self, release_id: str, reason: str) -> Release:
        """Withdraw a release: no further download."""
        return Release.model_validate(self._post(f"/releases/{release_id}/withdraw", {"reason": reason}))

    def await_bundle(self, release_id: str, seconds: float = 600) -> Release:
        """Wait until the bundle of a release has been written."""
        deadline = time.monotonic() + seconds
        while not (release := self.release_info(release_id)).ready:
            if release.export_job_id is not None:
                job = self.job(release.export_job_id)
                if job.state in ("failed", "cancelled"):
                    raise InputError(job.error or "The bundle could not be written.", job.hint or "Look at the job.")
            _pause(deadline, "The bundle was not ready")
        return release

    def download(self, release_id: str, out: Path, told: Callable[[int], Any] = silent) -> Path:
        """Download a bundle to `out`; a part from an earlier try is continued, and the hash is checked."""
        release = self.release_info(release_id)
        part = out.with_name(out.name + ".part")
        have = part.stat().st_size if part.exists() else 0
        if release.size is not None and have >= release.size:
            part.unlink()
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._reached(), self._http.stream("GET", f"/releases/{release_id}/bundle", headers=headers) as response:
            if not response.is_success:
                response.read()
            checked(response)
            have = have if response.status_code == 206 else 0
            with part.open("ab" if have else "wb") as file:
                for piece in response.iter_bytes(1 << 20):
                    file.write(piece)
                    have += len(piece)
                    told(have)
        if release.sha256 and _sha256(part) != release.sha256:
            part.unlink()
            raise InputError("The downloaded bundle does not match its hash.", "Download it again.")
        os.replace(part, out)
        return out

    # --- plumbing ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error

    def _get(self, path: str, **params: Any) -> Any:
        with self._reached():
            return checked(self._http.get(path, params=params)).json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        with self._reached():
            return checked(self._http.post(path, json=dict(body))).json()


def _pause(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise LimitError(f"{what} in time.", "Look at the jobs page; a worker may be missing.")
    time.sleep(0.3)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
