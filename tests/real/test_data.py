"""Declared data on a real Rucio and XRootD: downloads, uploads, restarts and faults."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.site.box import Box

from .conftest import ROOT, Desk, add_secrets

pytestmark = pytest.mark.site("slurm", "condor", "krb5", "voms", "rucio")

# Each system, with the options that it needs.
SYSTEMS = {
    "make": ("--site", "local"),
    "htcondor": ("--site", "generic-htcondor", "--set", "container_runtime=none"),
    "slurm": ("--site", "generic-slurm", "--set", "container_runtime=none"),
}
RUCIO = "https://rucio.site.test"
KERBEROS_SERVER = "root://xrd.site.test:1094/"
PROXY_SERVER = "root://xrd.site.test:1095/"
WEB = "xrd.site.test:1096/public"
# The folders in which the servers store their files.
KERBEROS_FILES, PROXY_FILES, WEB_FILES = "/var/lib/xrd/krb", "/var/lib/xrd/gsi", "/var/lib/xrd/web/public"


@dataclass(frozen=True)
class Grid:
    """The storage and catalogue of the box, as alice uses them without reana-batch."""

    box: Box

    def shell(self, script: str, *, check: bool = True) -> str:
        """Return the output of a script that alice ran with a proxy and Rucio's configuration."""
        variables = {"X509_USER_PROXY": "/tmp/alice.proxy", "RUCIO_CONFIG": "/etc/site/rucio.cfg"}
        variables["PYTHONWARNINGS"] = "ignore"
        return self.box.alice("bash", "-c", script, cwd="/shared/alice", env=variables, check=check).stdout

    def upload(self, name: str, content: str) -> None:
        """Upload a file to Rucio as user.alice:NAME."""
        self.shell(
            f"cd $(mktemp -d) && printf %s '{content}' >{name} &&"
            f" rucio upload --rse SITE-XRD --scope user.alice --register-after-upload {name}"
        )
        assert self.places(name) == ["SITE-XRD"]

    def metalink(self, did: str) -> str:
        """Return what the catalogue knows about a DID of alice. Empty if there is no such DID."""
        return self.shell(f"rucio replica list file --metalink user.alice:{did}", check=False)

    def places(self, did: str) -> list[str]:
        """Return the storage elements that have a file."""
        return [part.partition('"')[0] for part in self.metalink(did).split('location="')[1:]]

    def content(self, dataset: str) -> list[str]:
        """Return the DIDs in a dataset."""
        return sorted(self.shell(f"rucio did content list --short user.alice:{dataset}").split())

    def stored(self, name: str) -> Path:
        """Return the host's path of a file's replica at SITE-XRD."""
        (found,) = self.box.path(f"{PROXY_FILES}/rucio/user/alice").rglob(name)
        return found


@pytest.fixture
def grid(box: Box) -> Grid:
    """The storage. Alice has her secrets and a proxy."""
    made = Grid(box)
    proxy = (
        "voms-proxy-info --exists --valid 1:0 --file $X509_USER_PROXY || echo alice-pass |"
        " voms-proxy-init --voms escape --key ~/.globus/userkey.pem --cert ~/.globus/usercert.pem"
        " --out $X509_USER_PROXY --pwstdin"
    )
    made.shell(proxy)
    add_secrets(box, CERN_USER="alice@SITE.TEST")
    return made


def unique(stem: str) -> str:
    """Return a name that is new to every catalogue."""
    return f"{stem}.{time.time_ns()}"


def analysis(command: str, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> str:
    """Return a reana.yaml with one command."""
    steps = [{"name": "work", "environment": "docker.io/library/debian:12", "commands": [command]}]
    made: dict[str, Any] = {
        "inputs": {"files": list(inputs)},
        "workflow": {"type": "serial", "specification": {"steps": steps}},
        "outputs": {"files": list(outputs)},
    }
    return json.dumps(made, indent=1)


def run(desk: Desk, system: str, *words: str, name: str = "test", seconds: float = 300) -> dict[str, Any]:
    """Run reana.yaml until it has finished or failed, and return its status."""
    answer = desk.reana_batch(
        "run", "--runs", "runs", "-w", name, "--json", *SYSTEMS[system], *words, check=False, timeout=seconds
    )
    assert answer.stdout, answer.stderr
    return desk.wait(json.loads(answer.stdout)["name"], seconds)


def logs(desk: Desk, name: str) -> str:
    return desk.reana_batch("logs", "--runs", "runs", "-w", name).stdout


# --- in and out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_data_comes_in_and_goes_out_and_does_so_again(grid: Grid, desk: Desk, system: str) -> None:
    one, two, three, data, result, results = map(unique, ("one", "two", "three", "data", "result", "results"))
    for name in (one, two, three):
        grid.upload(name, f"{name}\n")
    grid.shell(f"rucio did add --type dataset user.alice:{data}")
    grid.shell(f"rucio did content add --to-did user.alice:{data} user.alice:{two} user.alice:{three}")
    eos, web, page = f"/data/alice/{unique('plot')}", unique("plot"), unique("page")
    grid.box.path(f"{WEB_FILES}/{page}").write_text("page\n")
    desk.write(
        "reana.yaml",
        analysis(
            f"cat one 'sets/{data}/{two}' 'sets/{data}/{three}' ping page.txt more/root >all.txt; echo plot >plot.txt",
            [
                f"rucio(escape, user.alice, {one}, path=one)",
                f"rucio(escape, user.alice, {data}, path=sets/{data}, rse=SITE-XRD)",
                f"{RUCIO}:8443/ping",
                f"https://{WEB}/{page} path=page.txt",
                f"{PROXY_SERVER}{grid_path(grid, one)} path=more/root credential=voms_proxy",
            ],
            [
                f"rucio(escape, user.alice, {result}, path=all.txt, rse=SITE-XRD, dataset={results}, lifetime=2d)",
                f"{KERBEROS_SERVER}{eos} path=plot.txt",
                f"davs://{WEB}/{web} path=plot.txt",
            ],
        ),
    )
    first = run(desk, system)
    assert first["status"] == "finished", logs(desk, first["name"])
    expected = f"{one}\n{two}\n{three}\n"
    made = desk.file(f"runs/{first['name']}/workspace/all.txt")
    assert made.startswith(expected)
    assert made.endswith(f"page\n{one}\n")
    assert grid.stored(result).read_text() == made
    assert grid.places(result) == ["SITE-XRD"]
    assert grid.content(results) == [f"user.alice:{result}"]
    rule = grid.shell(f"rucio rule list --csv --did user.alice:{result}")
    assert "SITE-XRD" in rule
    assert time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400)) in rule
    assert grid.box.path(f"{KERBEROS_FILES}{eos}").read_text() == "plot\n"
    assert grid.box.path(f"{WEB_FILES}/{web}").read_text() == "plot\n"
    logs_of_output = (desk.path / f"runs/{first['name']}/logs").glob("stage-out*/*")
    assert "5 bytes, by gfal-copy" in "".join(path.read_text("utf-8") for path in logs_of_output)

    again = run(desk, system)
    assert again["status"] == "finished", logs(desk, again["name"])
    told = logs(desk, again["name"])
    assert f"user.alice:{result} is at SITE-XRD already" in told
    assert f"{eos} is there already" in told
    assert f"{web} is there already" in told
    assert left_over(desk) == []


def grid_path(grid: Grid, name: str) -> str:
    return "/" + str(grid.stored(name).relative_to(grid.box.path(PROXY_FILES)))


def left_over(desk: Desk) -> list[str]:
    """Return the unfinished files in the workspaces."""
    return [str(path) for path in desk.path.glob("runs/*/workspace/**/.*") if ".part" in path.name]


def test_a_restart_brings_nothing_again(grid: Grid, desk: Desk) -> None:
    name = unique("once")
    grid.upload(name, "once\n")
    desk.write("reana.yaml", analysis("test -e fixed", [f"rucio(default, user.alice, {name})", f"{RUCIO}:8443/ping"]))
    failed = run(desk, "make")
    assert failed["status"] == "failed"
    desk.write(f"runs/{failed['name']}/workspace/fixed", "")
    grid.stored(name).write_text("gone")  # a second download would fail
    answer = desk.reana_batch("restart", "--runs", "runs", "-w", failed["name"], check=False)
    ended = desk.wait(f"{failed['name']}.1")
    assert ended["status"] == "finished", answer.stderr + logs(desk, ended["name"])
    assert "stage-in" not in logs(desk, ended["name"])


def copy_published(grid: Grid, desk: Desk) -> dict[str, str]:
    """Copy the sample with names of Alice's that are new to every catalogue, and return these. Upload its events.

    Its steps run in an image without any client.
    """
    events, result, results, plot = map(unique, ("events.csv", "peak.json", "results", "mass.svg"))
    names = {"dimuon.events.csv": events, "dimuon.peak.json": result, "dimuon.results": results}
    names |= {"dimuon/mass.svg path": f"dimuon/{plot} path"}
    text = (ROOT / "samples/published/reana.yaml").read_text("utf-8")
    for old, new in names.items():
        text = text.replace(old, new)
    desk.write("reana.yaml", text)
    image = "docker://docker.io/library/python:3.11-slim"
    for folder in ("code", "tests", "workflow"):
        desk.copy(ROOT / "samples" / "published" / folder, folder)
    snakefile = desk.path / "workflow/Snakefile"
    snakefile.write_text(snakefile.read_text("utf-8").replace(image, "/opt/images/py"), "utf-8")
    grid.shell(
        f"cd $(mktemp -d) && python3 {desk.folder}/code/generate_events.py >{events} &&"
        f" rucio upload --rse SITE-XRD --scope user.alice --register-after-upload {events}"
    )
    return {"result": result, "results": results, "plot": plot}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_sample_takes_its_events_from_rucio_and_publishes_its_results(grid: Grid, desk: Desk, system: str) -> None:
    names = copy_published(grid, desk)
    ended = run(desk, system, "--set", "container_runtime=apptainer")
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert desk.reana_batch("test", "--runs", "runs", "-w", ended["name"]).stdout.endswith(" passed, 0 failed\n")
    workspace = desk.path / f"runs/{ended['name']}/workspace"
    assert json.loads(grid.stored(names["result"]).read_text())["peak"] == pytest.approx(3.1, abs=0.03)
    assert grid.content(names["results"]) == [f"user.alice:{names['result']}"]
    published = grid.box.path(f"{KERBEROS_FILES}/data/alice/dimuon/{names['plot']}")
    assert published.read_bytes() == (workspace / "results/mass.svg").read_bytes()


def test_the_sample_is_equal_on_all_systems(grid: Grid, desk: Desk) -> None:
    """The first run publishes the results. The others find them there, with the same checksums."""
    copy_published(grid, desk)
    ended = [run(desk, system, "--set", "container_runtime=apptainer", name=system) for system in SYSTEMS]
    names = [each["name"] for each in ended]
    assert [each["status"] for each in ended] == ["finished"] * 3, [logs(desk, name) for name in names]
    compared = json.loads(desk.reana_batch("compare", "--runs", "runs", *names, "--json").stdout)
    assert compared["equal"]
    assert [each["backend"] for each in compared["runs"]] == [*SYSTEMS]
    assert all(each["jobs"] == each["done"] > 0 and len(each["outputs"]) == 2 for each in compared["runs"])


# A fake client of Rucio without the commands of the new style.
_OLD_CLIENT = """#!/bin/bash
for word; do
  case $word in
    replica | did | rule) echo "rucio: error: invalid choice: '$word'" >&2; exit 2 ;;
    -* | [0-9]*) ;;
    *) break ;;
  esac
done
exec /usr/local/bin/rucio "$@"
"""


def test_a_client_of_the_old_style_that_the_site_has_to_look_for(grid: Grid, desk: Desk) -> None:
    one, data, result, results = map(unique, ("one", "data", "result", "results"))
    grid.upload(one, "one\n")
    grid.shell(f"rucio did add --type dataset user.alice:{data}")
    grid.shell(f"rucio did content add --to-did user.alice:{data} user.alice:{one}")
    desk.write("bin/rucio", _OLD_CLIENT)
    desk.box.root("chmod", "755", f"{desk.folder}/bin/rucio")
    desk.write("setup.sh", f"PATH={desk.folder}/bin:$PATH\n")
    desk.write(
        "reana.yaml",
        analysis(
            f"cp '{data}/{one}' out",
            [f"rucio(default, user.alice, {data})"],
            [f"rucio(default, user.alice, {result}, path=out, rse=SITE-XRD, dataset={results})"],
        ),
    )
    ended = run(desk, "make", "--set", f"data.setup={desk.folder}/setup.sh")
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert grid.content(results) == [f"user.alice:{result}"]
    assert "SITE-XRD" in grid.shell(f"rucio rule list --csv --did user.alice:{result}")


def test_a_worker_without_the_client(grid: Grid, desk: Desk) -> None:
    del grid
    desk.write("setup.sh", "PATH=/usr/bin:/bin\n")
    desk.write("reana.yaml", analysis("echo never", ["rucio(default, user.alice, any)"]))
    ended = run(desk, "slurm", "--set", f"data.setup={desk.folder}/setup.sh")
    assert ended["status"] == "failed"
    assert "rucio is not installed on " in logs(desk, ended["name"])


def test_files_that_htcondor_sends_along(grid: Grid, desk: Desk) -> None:
    """Workers do not share a file system with the login node."""
    name, web = unique("sent"), unique("sent")
    grid.upload(name, "sent\n")
    desk.write(
        "reana.yaml",
        analysis(
            "cat data/in data/in >out",
            [f"rucio(escape, user.alice, {name}, path=data/in)"],
            [f"davs://{WEB}/{web} path=out"],
        ),
    )
    ended = run(desk, "htcondor", "--set", "htcondor.file_transfer=true")
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert grid.box.path(f"{WEB_FILES}/{web}").read_text() == "sent\nsent\n"


# --- faults --------------------------------------------------------------------------------------


def test_every_fault_of_a_reference_is_told_at_its_line(grid: Grid, desk: Desk) -> None:
    good, bad, nowhere = map(unique, ("good", "bad", "nowhere"))
    for name in (good, bad):
        grid.upload(name, f"{name}\n")
    grid.stored(bad).write_text(f"{bad}\n".upper())  # same size, another checksum
    desk.write(
        "reana.yaml",
        analysis(
            "echo never",
            [
                f"rucio(escape, user.alice, {nowhere})",
                f"rucio(escape, user.alice, {bad})",
                f"rucio(escape, user.alice, {good}, rse=SITE-POSIX)",
                f"rucio(escape, user.alice, {good}, rse=SITE-NONE, path=x)",
                f"{RUCIO}:8443/nothing",
                f"{PROXY_SERVER}/rucio/nothing credential=voms_proxy path=y",
                f"{PROXY_SERVER}/rucio/nothing credential=none path=z",
            ],
        ),
    )
    # DAGMan starts every node that can start, even if others fail.
    failed = run(desk, "htcondor", "--set", "data.attempts=2")
    assert failed["status"] == "failed"
    shown = desk.reana_batch("status", "--runs", "runs", "-w", failed["name"], check=False).stdout
    assert "declared data could not be brought, as the log says (exit code 96)" in shown
    told = logs(desk, failed["name"])
    for line, words in {
        4: f"Data identifier 'user.alice:{nowhere}' not found",
        5: f"Checksum validation failed for file: user.alice:{bad} (attempt 2 of 2)",
        6: f"user.alice:{good} has no replica that can be read at SITE-POSIX",
        7: "RSE Expression resulted in an empty set",
        8: "The requested URL returned error: 404",
        9: "[3011] Unable to locate /rucio/nothing",
        10: "Auth failed: No protocols left to try (attempt 2 of 2)",
    }.items():
        (section,) = [part for part in told.split("==> Step: ") if f"(reana.yaml:{line})" in part]
        assert words in section
        assert section.splitlines()[-1].startswith("reana-batch: ")
    workspace = desk.path / f"runs/{failed['name']}/workspace"
    assert [path for path in workspace.rglob("*") if path.is_file()] == []


def test_one_file_of_a_dataset_that_is_damaged_keeps_no_other_from_coming(grid: Grid, desk: Desk) -> None:
    names, data = [unique(f"part{number}") for number in range(6)], unique("data")
    for name in names:
        grid.upload(name, f"{name}\n")
    grid.shell(f"rucio did add --type dataset user.alice:{data}")
    grid.shell(f"rucio did content add --to-did user.alice:{data} user.alice:{' user.alice:'.join(names)}")
    bad = grid.stored(names[3])
    bad.write_text(f"{names[3]}\n".replace(".", ":"))
    desk.write("reana.yaml", analysis("cat data/* >all", [f"rucio(escape, user.alice, {data}, path=data)"]))
    settings = ("--set", "data.attempts=1", "--set", "data.streams=2")
    failed = run(desk, "make", *settings)
    assert failed["status"] == "failed"
    told = logs(desk, failed["name"])
    assert told.splitlines()[-1].endswith("1 of 6 files of the dataset were not downloaded")
    workspace = desk.path / f"runs/{failed['name']}/workspace"
    assert sorted(path.name for path in workspace.glob("data/*")) == sorted({*names} - {names[3]})

    bad.write_text(f"{names[3]}\n")
    desk.reana_batch("resume", "--runs", "runs", "-w", failed["name"], check=False, timeout=200)
    ended = desk.wait(failed["name"])
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert sorted(desk.file(f"runs/{failed['name']}/workspace/all").split()) == sorted(names)
    log = desk.file(f"runs/{failed['name']}/logs/stage-in.rucio/0.out")
    assert log.count("bytes from user.alice:") == 6  # each was downloaded once


@contextlib.contextmanager
def faulty_proxy(box: Box, port: int, mode: str, count: int) -> Iterator[None]:
    """Start a server in front of Rucio's that fails at first."""
    script = Path(__file__).with_name("faulty_proxy.py").read_text("utf-8")
    server = box.background("python3", "-c", script, str(port), mode, str(count))
    try:
        box.root("bash", "-c", f"until ss -Hltn | grep -q ':{port} '; do sleep 0.1; done")
        yield
    finally:
        server.terminate()
        server.wait()


def through(port: int) -> str:
    """Return the setting for a Rucio server at a port."""
    hosts = {"rucio_host": f"{RUCIO}:{port}", "auth_host": f"{RUCIO}:8443"}
    return f"data.rucio_instances={json.dumps({'faulty': hosts})}"


def test_a_rucio_that_is_busy_for_a_while_is_asked_again(grid: Grid, desk: Desk) -> None:
    name = unique("patience")
    grid.upload(name, "patience\n")
    desk.write("reana.yaml", analysis("cat data", [f"rucio(faulty, user.alice, {name}, path=data)"]))
    with faulty_proxy(grid.box, 8451, "503", 6):
        ended = run(desk, "make", "--set", through(8451))
    told = logs(desk, ended["name"])
    assert ended["status"] == "finished", told
    assert "attempt 1 of 5 failed" in told
    assert "http status code: 503" in told


@pytest.mark.parametrize(("mode", "words"), [("503", "http status code: 503"), ("hang", "Read timed out")])
def test_a_rucio_that_stays_out_of_reach(grid: Grid, desk: Desk, mode: str, words: str) -> None:
    desk.write("reana.yaml", analysis("cat data", ["rucio(faulty, user.alice, any, path=data)"]))
    settings = ("--set", "data.attempts=2", "--set", "data.timeout=3")
    with faulty_proxy(grid.box, 8452, mode, 1000):
        ended = run(desk, "make", "--set", through(8452), *settings)
    assert ended["status"] == "failed"
    last = logs(desk, ended["name"]).splitlines()[-1]
    assert last.startswith("reana-batch: rucio(faulty, user.alice, any, path=data): ")
    assert words in last
    assert last.endswith("(attempt 2 of 2)")


def test_no_space_is_left(grid: Grid, desk: Desk) -> None:
    name = unique("large")
    grid.upload(name, "x" * 100)
    grid.box.root("truncate", "-s", "20M", str(grid.stored(name)).removeprefix(str(grid.box.path("/"))))
    large = grid_path(grid, name)
    desk.write("reana.yaml", analysis("echo never", [f"{PROXY_SERVER}{large} path=large credential=voms_proxy"]))
    desk.box.alice("mkdir", "runs", cwd=desk.folder)
    desk.box.root("mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", f"{desk.folder}/runs")
    try:
        ended = run(desk, "make")
        assert ended["status"] == "failed"
        told = logs(desk, ended["name"])
        assert "no space left: 20971520 bytes are needed" in told
        desk.box.root("bash", "-c", f"[ -z \"$(find {desk.folder}/runs/*/workspace -type f -o -name '.*part*')\" ]")
    finally:
        desk.box.root("umount", f"{desk.folder}/runs")


def test_an_output_that_cannot_go_out(grid: Grid, desk: Desk) -> None:
    taken, fresh = unique("taken"), unique("fresh")
    grid.upload(taken, "first\n")
    eos = f"/data/alice/{unique('taken')}"
    grid.box.path(f"{KERBEROS_FILES}{eos}").parent.mkdir(parents=True, exist_ok=True)
    grid.box.path(f"{KERBEROS_FILES}{eos}").write_text("first\n")
    outputs = [
        f"rucio(escape, user.alice, {taken}, path=out.txt, rse=SITE-XRD)",
        f"rucio(escape, user.alice, {fresh}, path=out.txt, rse=SITE-NONE)",
        f"rucio(escape, user.alice, {fresh}x, path=missing.txt, rse=SITE-XRD)",
        f"{KERBEROS_SERVER}{eos} path=out.txt",
    ]
    desk.write("reana.yaml", analysis("echo second >out.txt", outputs=outputs))
    failed = run(desk, "htcondor", "--set", "data.attempts=2")
    told = logs(desk, failed["name"])
    assert "is registered with other content" in told
    assert "choose another name, because Rucio never changes a file" in told
    assert "RSE Expression resulted in an empty set" in told
    assert "missing.txt does not exist: no step made it" in told
    assert "there is another file (it has 6 bytes, not 7); add overwrite=true, or choose another name" in told
    assert grid.stored(taken).read_text() == "first\n"
    assert grid.metalink(fresh) == ""
    assert grid.box.path(f"{KERBEROS_FILES}{eos}").read_text() == "first\n"

    desk.write("reana.yaml", analysis("echo second >out.txt", outputs=[f"{outputs[3]} overwrite=true"]))
    ended = run(desk, "make")
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert grid.box.path(f"{KERBEROS_FILES}{eos}").read_text() == "second\n"


def test_an_upload_that_is_killed_in_the_middle_is_made_good_by_the_next(grid: Grid, desk: Desk) -> None:
    name = unique("killed")
    desk.write(
        "reana.yaml",
        analysis("head -c 400M /dev/zero >out", outputs=[f"rucio(escape, user.alice, {name}, path=out, rse=SITE-XRD)"]),
    )
    killer = (
        f"until find {PROXY_FILES}/rucio -name '{name}.rucio.upload' -size +1M | grep -q .; do sleep 0.02; done;"
        f" pkill -KILL -u alice -f 'stage-out|{name}'"
    )
    with grid.box.background("timeout", "120", "bash", "-c", killer) as watch:
        failed = run(desk, "make")
        watch.wait()
    assert failed["status"] == "failed"
    assert grid.metalink(name) == ""
    desk.reana_batch("resume", "--runs", "runs", "-w", failed["name"], check=False, timeout=200)
    ended = desk.wait(failed["name"])
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert grid.places(name) == ["SITE-XRD"]
    assert grid.stored(name).stat().st_size == 400 * 1024**2
    assert list(grid.stored(name).parent.glob(f"{name}.*")) == []


# Registers a replica, and uploads the file to the place that the catalogue names.
_REGISTER = """
import subprocess, sys, zlib
from rucio.client import Client
name, content = sys.argv[1:]
client = Client()
client.add_replica("SITE-XRD", "user.alice", name, len(content), f"{zlib.adler32(content.encode()):08x}")
[replica] = client.list_replicas([{"scope": "user.alice", "name": name}])
[place] = replica["pfns"]
subprocess.run(["xrdcp", "--silent", "-", place], input=content.encode(), check=True)
"""


def test_an_upload_that_was_killed_before_its_rule_was_made_gets_one(grid: Grid, desk: Desk) -> None:
    name, results = unique("ruleless"), unique("results")
    desk.write("register.py", _REGISTER)
    python = "$(head -n 1 $(command -v rucio) | cut -c 3-)"
    grid.shell(f"{python} {desk.folder}/register.py {name} $'made\\n'")
    rules = f"rucio rule list --csv --did user.alice:{name}"
    assert "SITE-XRD" not in grid.shell(rules)
    output = f"rucio(escape, user.alice, {name}, path=out, rse=SITE-XRD, dataset={results})"
    desk.write("reana.yaml", analysis("echo made >out", outputs=[output]))
    for system in ("make", "slurm"):
        ended = run(desk, system)
        assert ended["status"] == "finished", logs(desk, ended["name"])
        assert grid.shell(rules).count("SITE-XRD") == 1
        assert grid.content(results) == [f"user.alice:{name}"]


def test_a_download_that_is_killed_in_the_middle_leaves_nothing_half(grid: Grid, desk: Desk) -> None:
    name = unique("slow")
    grid.upload(name, "x")
    path = grid_path(grid, name)
    inside = f"{PROXY_FILES}{path}"
    grid.box.root("bash", "-c", f"head -c 600M /dev/zero >{inside}")
    desk.write("reana.yaml", analysis("wc -c <slow >size", [f"{PROXY_SERVER}{path} path=slow credential=voms_proxy"]))
    killer = (
        f"until find {desk.folder}/runs -path '*.part*' -size +1M | grep -q .; do sleep 0.02; done;"
        " pkill -KILL -u alice -f 'stage-in|xrdcp'"
    )
    with grid.box.background("timeout", "120", "bash", "-c", killer) as watch:
        failed = run(desk, "make", "--set", "data.attempts=2")
        watch.wait()
    assert failed["status"] == "failed"
    workspace = desk.path / f"runs/{failed['name']}/workspace"
    assert not (workspace / "slow").exists()
    desk.reana_batch("resume", "--runs", "runs", "-w", failed["name"], check=False, timeout=200)
    ended = desk.wait(failed["name"])
    assert ended["status"] == "finished", logs(desk, ended["name"])
    assert (workspace / "size").read_text().strip() == str(600 * 1024**2)
    assert left_over(desk) == []
