"""Parts g, h and i of the chaos suite: a full disk, an ordinary user's machine, two machines."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from pydantic import SecretStr

from benchmarks.bars import Bar
from benchmarks.chaos_kills import counted, holder, living, undisturbed
from benchmarks.chaos_rules import checkpointed, kinds
from benchmarks.chaos_site import REPOSITORY, Database, Site, outcome, result, site, unreferenced
from synthgen.errors import SynthgenError
from synthgen.service import datasets, jobs, operations

MIB = 1 << 20
DISK = 48 * MIB
NOBODY = "65534"
# An ordinary user without network: root's own Python may lie where nobody else gets in, so it is mounted elsewhere.
ALONE = f"""
home=$1 base=$2 packages=$3; shift 3
ip link set lo up
mkdir "$home/python" && mount --bind "$base" "$home/python"
export LD_LIBRARY_PATH="$home/python/lib"
"$home/python/bin/python3" -m venv --without-pip "$home/venv"
echo "import site; site.addsitedir('$packages')" > "$(echo "$home"/venv/lib/python*/site-packages)/ours.pth"
exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --bounding-set=-all "$home/venv/bin/python" "$@"
"""
SHARED_JOBS = 12


class NotHere(Exception):
    """A part that this machine cannot run, and why."""


def full_disk(database: Database, seeds: int) -> list[Bar]:
    """Part g: the disk of the store, then the disk of everything, is full for a while."""
    if os.geteuid() != 0:
        raise NotHere("a small disk can be mounted only as root")
    with _small_disk() as disk:
        apart = _filled(database, disk, store_url=str(disk / "store"))
    if database == "postgres":
        return apart
    with _small_disk() as disk:
        return [*apart, *_filled(database, disk, home=disk / "home")]


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A disk in memory."""
    place = Path(tempfile.mkdtemp(prefix="synthgen-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


def _filled(database: Database, disk: Path, **where: object) -> list[Bar]:
    """An upload, a submission and a job under way meet a full disk; then there is room again."""
    name = "disk of the store" if "store_url" in where else "disk of everything"
    with site(database, outage_seconds=60.0, max_attempts=3, **where) as here:
        here.broker()
        here.worker("worker-1")
        here.web()
        dataset = here.dataset("honest")
        first = here.submit(dataset, 1)
        here.in_state(first, "succeeded")
        here.until(lambda: not unreferenced(here, [first]), "a job that has tidied up")
        before = _visible(here)
        under_way = here.submit(dataset, 1)
        here.until(lambda: "curve" in kinds(here, under_way), "a job under way")
        ballast = _fill(disk)
        said = [_refused(lambda: _upload(here)), _refused(lambda: here.submit(dataset, 2))]
        time.sleep(5.0)
        ballast.unlink()
        ended = here.in_state(under_way, "succeeded", "failed")
        partly = {one for one in _visible(here) ^ before if under_way not in one}
        here.until(lambda: _works(here, dataset), "a service that works again")
        same = result(here, under_way) == result(here, first)
        starts = max(part.starts for part in here.parts.values())
        here.until(lambda: not unreferenced(here, [first, under_way]), "jobs that have tidied up")
    print(f"  {name}: said {said}; visible {sorted(partly)}")
    return [
        Bar(f"{name}: told so", sum("full" in text for text in said), ">=", len(said)),
        Bar("partly visible", len(partly), "<=", 0),
        Bar("job under way lost", int(ended.state != "succeeded" or not same), "<=", 0),
        Bar("starts of a process", starts, "<=", 1, against="works again without restart"),
    ]


def _fill(disk: Path) -> Path:
    """Leave no byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 512)
    return ballast


def _upload(here: Site) -> None:
    content = b"a,b\n" + b"1,2\n" * 100_000
    datasets.add(here.app, here.actor, name="more", filename="more.csv", chunks=[content])


def _refused(action: object) -> str:
    """What the service says; `taken` where it did not notice."""
    try:
        action()  # type: ignore[operator]
    except SynthgenError as error:
        return error.message
    return "taken"


def _visible(here: Site) -> set[str]:
    """Datasets, jobs and keys of the store."""
    shown = {view.id for view in datasets.list_all(here.app, here.actor)}
    return shown | {view.id for view in jobs.list_all(here.app, here.actor)} | set(here.app.store.keys("projects"))


def _works(here: Site, dataset: str) -> bool:
    _upload(here)
    return here.in_state(here.submit(dataset, 3), "succeeded", "failed").state == "succeeded"


def ordinary_user(database: Database, seeds: int) -> list[Bar]:
    """Part h: everything by one command, as nobody in particular, with no network but the machine itself."""
    if database != "sqlite":
        raise NotHere("`synthgen up` brings SQLite along")
    home = Path(tempfile.mkdtemp(prefix="synthgen-up-"))
    command, apart = ["-m", "benchmarks.chaos_up", str(home / "home")], "an ordinary user"
    if os.geteuid() == 0:
        os.chown(home, int(NOBODY), int(NOBODY))
        said = (str(home), sys.base_prefix, sysconfig.get_path("purelib"))
        inside = ["unshare", "--net", "--mount", "sh", "-ec", ALONE, "sh", *said, *command]
        apart = "uid 65534 in a network namespace of its own"
    else:
        inside = [sys.executable, *command]
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    try:
        made = subprocess.run(inside, env=kept, cwd=home, capture_output=True, text=True, timeout=600)
        if made.returncode != 0:
            raise RuntimeError(made.stderr[-3000:])
        found = json.loads(made.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return [
        Bar("healthy after", found["healthy"], "<=", 20.0, against=f"s, {apart}"),
        Bar("a second one refuses", found["refused"], ">=", 1),
        Bar("left after SIGKILL", found["left"], "<=", 0, against=f"of {found['family']} processes"),
        Bar("jobs go on", found["succeeded"], ">=", found["jobs"], against="after the next start"),
        Bar("addresses elsewhere", found["reachable"], "<=", 0, against="network interfaces besides the machine's own"),
    ]


def two_machines(database: Database, seeds: int) -> list[Bar]:
    """Part i: two workers in folders of their own; one machine burns down."""
    shared = Path(tempfile.mkdtemp(prefix="synthgen-shared-"))
    address = f"http://127.0.0.1:{(port := operations.any_port())}"
    options: dict[str, object] = {
        "broker_url": SecretStr(f"redis+socket://{shared}/run/broker.sock?virtual_host=0"),
        "store_url": "s3://synthgen/site",
        "s3_endpoint": address,
        "s3_access_key_id": "k",
        "s3_secret_access_key": SecretStr("s"),
        **({"database_url": SecretStr(f"sqlite:///{shared}/synthgen.db")} if database == "sqlite" else {}),
    }
    store = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _bucket(address)
        with site(database, home=shared, **options) as here:
            return _burning(here)
    finally:
        store.kill()
        store.wait()
        shutil.rmtree(shared, ignore_errors=True)


def _burning(here: Site) -> list[Bar]:
    here.broker()
    homes = {f"worker-{i}": Path(tempfile.mkdtemp(prefix=f"synthgen-machine-{i}-")) / "home" for i in (1, 2)}
    for title, home in homes.items():
        here.worker(title, home=home)
    dataset = here.dataset("honest")
    here.until(lambda: len(living(here)) == 2, "two workers")
    expected = undisturbed(here, dataset)
    shares = _crossing(here, homes)
    ids = [here.submit(dataset, seed) for seed in range(SHARED_JOBS)]
    here.until(lambda: any(here.job(one).state == "running" and checkpointed(here, one) for one in ids), "a checkpoint")
    burnt = next(one for one in ids if here.job(one).state == "running" and checkpointed(here, one))
    title = holder(here, burnt)
    here.kill(title)
    shutil.rmtree(homes[title].parent, ignore_errors=True)
    here.all_over(ids)
    found = outcome(here, ids, {one: expected[seed] for seed, one in enumerate(ids)})
    for home in homes.values():
        shutil.rmtree(home.parent, ignore_errors=True)
    again = Bar("attempts of the job", here.job(burnt).attempts, ">=", 2, against="it went on on the other machine")
    return [
        *counted("two machines", [found], f"{SHARED_JOBS} jobs over S3"),
        again,
        Bar("files shared", shares, "<=", 0),
    ]


def _crossing(here: Site, homes: dict[str, Path]) -> int:
    """Files that a worker holds open in the other's home."""
    count = 0
    for title in homes:
        process = here.parts[title].process
        assert process is not None
        others = [str(home) for other, home in homes.items() if other != title]
        count += sum(file.path.startswith(o) for file in psutil.Process(process.pid).open_files() for o in others)
    return count


def _bucket(address: str) -> None:
    """Wait for the store and make the bucket."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    until = time.monotonic() + 60
    while True:
        try:
            boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="synthgen")
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
