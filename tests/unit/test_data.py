"""Declared data: the meaning of references, and the steps that they become."""

from __future__ import annotations

import base64
import contextlib
import os
import shlex
import subprocess
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reana_batch import backends
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.frontends import FRONTENDS
from reana_batch.ir import DataFile, Expansion, Need, Script, Step, Table, Workflow, literal
from reana_batch.passes.context import Context
from reana_batch.passes.stage_data import stage_data
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec
from reana_batch.site import DataSettings, Site
from reana_batch.writing import libraries
from tests import bash_lines
from tests.bash import Bash

_STEPS = """
workflow:
  type: serial
  specification:
    steps: [{name: one, environment: 'debian:12', commands: [echo]}]
"""


def read(folder: Path, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> Spec:
    path = folder / "reana.yaml"
    listed = {"inputs": inputs, "outputs": outputs}
    sections = "".join(
        f"{name}:\n  files:\n" + "".join(f"    - {text}\n" for text in texts) for name, texts in listed.items() if texts
    )
    path.write_text(sections + _STEPS, "utf-8")
    diagnostics = Diagnostics()
    spec = read_spec(path, FRONTENDS, diagnostics)
    assert [str(each.message) for each in diagnostics] == []
    return spec


def at(line: int) -> Place:
    return Place("reana.yaml", line)


def test_what_an_input_means(tmp_path: Path) -> None:
    (tmp_path / "own.txt").touch()
    spec = read(tmp_path, ["own.txt", "rucio(escape, user.alice, a/b.root)", "https://host/c%20d?e=f/g"])
    place = str(tmp_path / "reana.yaml")
    assert spec.input_files == ("own.txt",)
    assert spec.data == (
        DataFile(
            text="rucio(escape, user.alice, a/b.root)",
            place=Place(place, 4, 7, 35),
            is_output=False,
            scheme="rucio",
            address="user.alice:a/b.root",
            path="b.root",
            instance="escape",
        ),
        DataFile(
            text="https://host/c%20d?e=f/g",
            place=Place(place, 5, 7, 24),
            is_output=False,
            scheme="https",
            address="https://host/c%20d?e=f/g",
            path="c d",
        ),
    )


def test_what_an_output_means(tmp_path: Path) -> None:
    written = "rucio(a, s, n, path=p/q, rse=R, dataset=x.y:d, lifetime=2h)"
    spec = read(tmp_path, outputs=["r", written, "root://h//b path=p/q credential=none overwrite=true"])
    assert spec.output_files == ("r", "p/q")
    rucio, url = spec.data
    assert (rucio.address, rucio.path, rucio.rse, rucio.dataset, rucio.lifetime) == ("s:n", "p/q", "R", "x.y:d", 7200)
    assert (url.scheme, url.address, url.path, url.credential, url.overwrite) == (
        "root",
        "root://h//b",
        "p/q",
        "none",
        True,
    )


def test_a_dataset_has_the_scope_of_its_file(tmp_path: Path) -> None:
    (file,) = read(tmp_path, outputs=["rucio(a, s, n, rse=R, dataset=d)"]).data
    assert file.dataset == "s:d"


# --- the steps -----------------------------------------------------------------------------------


def file(line: int, scheme: str = "rucio", *, is_output: bool = False, credential: str = "") -> DataFile:
    return DataFile(
        f"text {line}", at(line), is_output, scheme, f"address {line}", f"path {line}", "default", credential=credential
    )


def step(name: str, *needs: str) -> Step:
    return Step(name, name, at(9), Script((literal("true", at(9)),)), needs=tuple(map(Need, needs)))


def staged(workflow: Workflow, site: Site | None = None) -> tuple[Workflow, list[str]]:
    diagnostics = Diagnostics()
    context = Context(backends.lowering("make").TARGET, site or Site(), diagnostics)
    return stage_data(workflow, context), [each.message for each in diagnostics]


def needs_of(workflow: Workflow) -> dict[str, list[str]]:
    return {each.name: [need.step for need in each.needs] for each in workflow.steps}


def test_a_workflow_without_data_stays_as_it_is() -> None:
    workflow = Workflow("w", "serial", (step("a"),))
    assert staged(workflow) == (workflow, [])


def test_first_steps_wait_for_what_comes_in_and_what_goes_out_for_the_last() -> None:
    steps = (step("a"), step("b"), step("c", "a"))
    data = (file(1), file(2, is_output=True), file(3, "root"), file(4), file(5, "https", is_output=True))
    result, faults = staged(Workflow("w", "serial", steps, data=data))
    assert faults == []
    assert needs_of(result) == {
        "stage-in.rucio": [],
        "stage-in.kerberos": [],
        "a": ["stage-in.rucio", "stage-in.kerberos"],
        "b": ["stage-in.rucio", "stage-in.kerberos"],
        "c": ["a"],
        "stage-out.rucio": ["b", "c"],
        "stage-out.none": ["b", "c"],
    }
    first = result.step("stage-in.rucio")
    found = (first.placed.data, first.table.count, first.label, first.origin)
    assert found == ((data[0], data[3]), 2, "stage-in", at(1))


def expanding(*names: str, **fields: Any) -> Workflow:
    expansions = tuple(Expansion(name, name, at(8), "files") for name in names)
    steps = (step("a"), *(step(name, "a") for name in names))
    return Workflow("w", "serial", steps, expansions=expansions, **fields)


def test_uploads_wait_for_all_expansions() -> None:
    data = (file(1), file(2, is_output=True), file(3, "root", is_output=True))
    result, faults = staged(expanding("one", "two", data=data))
    assert faults == []
    assert needs_of(result) == {
        "stage-in.rucio": [],
        "a": ["stage-in.rucio"],
        "one": ["a"],
        "two": ["a"],
        "stage-out.rucio": ["one", "two"],
        "stage-out.kerberos": ["one", "two"],
    }
    inner = Workflow("w", "serial", (step("b"),), data=data, within=("one",))
    assert staged(inner) == (inner, [])


def test_what_opens_a_file() -> None:
    data = (file(1), file(2, "davs"), file(3, "https"), file(4, "root", credential="none"), file(5, "root"))
    site = Site(data=DataSettings(root_credential="voms_proxy", https_credential="kerberos"))
    result, _ = staged(Workflow("w", "serial", (step("a"),), data=data), site)
    assert {
        each.name: (set(each.asked.credentials), [f.place.line for f in each.placed.data]) for each in result.steps
    } == {
        "stage-in.rucio": ({"rucio"}, [1]),
        "stage-in.voms_proxy": ({"voms_proxy"}, [2, 5]),
        "stage-in.kerberos": ({"kerberos"}, [3]),
        "stage-in.none": (set(), [4]),
        "a": (set(), []),
    }


def test_a_job_that_stages_data_asks_for_the_runtime_of_the_site() -> None:
    result, _ = staged(Workflow("w", "serial", (step("a"),), data=(file(1),)), Site(data=DataSettings(runtime=7200)))
    assert result.step("stage-in.rucio").asked.resources.runtime == 7200


def test_an_unknown_rucio() -> None:
    site = Site(name="here", data=DataSettings(rucio_instances={"escape": {"rucio_host": "h", "auth_host": "a"}}))
    files = tuple(replace(file(n), instance=name) for n, name in enumerate(("escape", "atlas", "default"), start=1))
    _, faults = staged(Workflow("w", "serial", (step("a"),), data=files), site)
    assert faults == ['here knows no Rucio "atlas".']


def test_the_facts_reach_the_script_whatever_they_hold(tmp_path: Path) -> None:
    """Bash gives back each word of the first and of the last row."""
    odd = "a'b\"c $(d) `e` \\ f\ng*"
    site = Site(data=DataSettings(setup=f"/{odd}", rucio_instances={"x": {"rucio_host": odd, "auth_host": "b"}}))
    files = (
        replace(
            file(1, is_output=True), text=odd, address=odd, path=odd, instance="x", rse=odd, dataset=odd, lifetime=60
        ),
        file(2, is_output=True),
    )
    result, _ = staged(Workflow("w", "serial", (step("a"),), data=files), site)
    out = result.step("stage-out.rucio")
    scripts = tmp_path / "batch/data"
    scripts.mkdir(parents=True)
    names = "setup reference address path rse rucio_host auth_host dataset lifetime overwrite attempts"
    shown = " ".join(f'"${name}"' for name in names.split())
    (scripts / "stage-out.sh").write_text(f"printf '%s\\0' {shown}\n")
    rows = [rows_of(out.table, row, out, tmp_path) for row in range(2)]
    assert rows[0] == [f"/{odd}", odd, odd, odd, odd, odd, "b", odd, "60", "", "5"]
    assert rows[1] == [f"/{odd}", "text 2", "address 2", "path 2", "", "", "", "", "", "", "5"]


def rows_of(table: Table, row: int, a_step: Step, run: Path) -> list[str]:
    """Return the output of a row's script, which ends each word with a NUL."""
    cells = dict(zip(table.columns, list(table)[row], strict=True))
    (command,) = a_step.action.commands
    environment = {"REANA_WORKSPACE": f"{run}/workspace", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", command.text(cells)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[:-1]


# --- the scripts ---------------------------------------------------------------------------------

# Facts that a test does not name. A test must not pause between two attempts.
_FACTS = {"setup": "", "reference": "it", "credential": "none", "rse": "", "rucio_host": "", "auth_host": ""}
_FACTS |= {"streams": "4", "attempts": "3", "timeout": "60", "dataset": "", "lifetime": "", "overwrite": ""}
_NO_PAUSES = "sleep() { command sleep 0.02; }\n"

# A Rucio whose catalogue is a file, and whose only storage is the folder next to it.
_RUCIO = """#!/bin/bash
here=${0%/*}/..
echo "$*" >>"$here/asked"
case "$*" in
  *--help) ;;
  *"replica list file"*) cat "$here/metalink" ;;
  *" download --dir "*)
    into=$PWD/$5
    shift 6
    cd "$here/stored" && cp --parents "${@#*:}" "$into" ;;
esac
"""


def stage(run: Path, script: str, **facts: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a job does."""
    (run / "batch/data").mkdir(parents=True, exist_ok=True)
    for name in libraries.DATA_LIBRARIES:
        (run / "batch" / name).write_text(libraries.text(name), "utf-8")
    workspace = run / "workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in (_FACTS | facts).items())
    command = f'{_NO_PAUSES}{assignments}. "$REANA_WORKSPACE/../batch/data/{script}.sh"'
    environment = {"REANA_WORKSPACE": str(workspace), "PATH": f"{run}/rucio/bin:{os.environ['PATH']}"}
    environment |= bash_lines.traced()
    return subprocess.run(
        ["bash", "-c", command], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )


def rucio_with(run: Path, files: Mapping[str, str]) -> None:
    """Install a Rucio that knows these files by their names in the scope s."""
    listed = ""
    for name, content in files.items():
        stored = run / "rucio/stored" / name
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(content)
        listed += f'<file name="{name}"><identity>s:{name}</identity><size>{len(content)}</size>'
        listed += f'<hash type="adler32">{zlib.adler32(content.encode()):x}</hash><url location="R">r</url></file>'
    (run / "rucio/metalink").write_text(f"<metalink>{listed}</metalink>\n")
    client = run / "rucio/bin/rucio"
    client.parent.mkdir()
    client.write_text(_RUCIO)
    client.chmod(0o755)


def downloads(run: Path) -> int:
    return (run / "rucio/asked").read_text().count("download")


def test_what_is_there_of_a_dataset_is_not_brought_again(tmp_path: Path) -> None:
    files = {f"file.{number}": f"{number}\n" for number in range(10)}
    rucio_with(tmp_path, files)
    dataset = {"scheme": "rucio", "address": "s:data", "path": "some/data", "streams": "2"}
    first = stage(tmp_path, "stage-in", **dataset)
    assert (first.returncode, first.stderr, downloads(tmp_path)) == (0, "", 2)
    folder = tmp_path / "workspace/some/data"
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
    (folder / "file.3").unlink()
    (folder / "file.4").write_text("damaged")
    (folder / "file.5").chmod(0o444)
    again = stage(tmp_path, "stage-in", **dataset)
    assert (again.returncode, again.stderr, downloads(tmp_path)) == (0, "", 3)
    assert [line.split()[1] for line in again.stdout.splitlines()] == [
        "some/data/file.3:",
        "some/data/file.4:",
        "some/data:",
    ]
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
    stage(tmp_path, "stage-in", **dataset)
    assert downloads(tmp_path) == 3


def test_any_name_that_a_file_of_rucios_has(tmp_path: Path) -> None:
    files = {"unfinished.part": "1", "deep/er/file": "2", "deep/er/more.part": "3"}
    rucio_with(tmp_path, files)
    done = stage(tmp_path, "stage-in", scheme="rucio", address="s:data", path="data", streams="1")
    assert (done.returncode, done.stderr, downloads(tmp_path)) == (0, "", 1)
    names = {path.name: path.read_text() for path in (tmp_path / "workspace/data").iterdir()}
    assert names == {"unfinished.part": "1", "file": "2", "more.part": "3"}


def test_a_single_file_whose_name_ends_as_that_of_an_unfinished_one(tmp_path: Path) -> None:
    rucio_with(tmp_path, {"its.part": "1"})
    done = stage(tmp_path, "stage-in", scheme="rucio", address="s:its.part", path="its.part")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["its.part"]


def test_a_group_that_is_killed_is_files_that_did_not_come(tmp_path: Path) -> None:
    """The kernel kills it, for example for its memory. The next start brings the files."""
    files = {f"file.{number}": f"{number}\n" for number in range(6)}
    rucio_with(tmp_path, files)
    client = tmp_path / "rucio/bin/rucio"
    client.write_text(
        _RUCIO.replace("    shift 6\n", '    case "$*" in *file.5*) kill -KILL "$PPID" ;; esac\n    shift 6\n')
    )
    dataset = {"scheme": "rucio", "address": "s:data", "path": "data", "streams": "2"}
    done = stage(tmp_path, "stage-in", **dataset)
    assert done.returncode == 96
    assert done.stderr.endswith("it: 3 of 6 files of the dataset were not downloaded\n")
    client.write_text(_RUCIO)
    again = stage(tmp_path, "stage-in", **dataset)
    assert (again.returncode, again.stdout.splitlines()[-1].split()[2:4]) == (0, ["all", "6"])
    assert {path.name: path.read_text() for path in (tmp_path / "workspace/data").iterdir()} == files


def test_two_files_of_one_name_cannot_lie_in_one_directory(tmp_path: Path) -> None:
    rucio_with(tmp_path, {"a/same": "1", "b/same": "2", "other": "3"})
    done = stage(tmp_path, "stage-in", scheme="rucio", address="s:data", path="data")
    assert done.returncode == 96
    assert done.stderr == "reana-batch: it: the dataset has two files named same, which cannot be in one directory\n"


# --- a web server --------------------------------------------------------------------------------


@contextlib.contextmanager
def web_server(files: dict[str, bytes], answers: Sequence[int] = (), otherwise: int = 200) -> Iterator[str]:
    """Serve files at the returned URL. The first questions for a file get these answers, and 200 is the true answer."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            code = left.pop(0) if left else otherwise
            self.answer(code if code != 200 or self.path in files else 404)

        def do_GET(self) -> None:
            self.answer(200 if self.path in files else 404)
            self.wfile.write(files.get(self.path, b""))

        def do_PUT(self) -> None:
            files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(201)

        def do_DELETE(self) -> None:
            self.answer(204 if files.pop(self.path, None) is not None else 404)

        def answer(self, code: int) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(files[self.path]) if code == 200 else 0))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def stage_out(run: Path, url: str, **facts: str) -> subprocess.CompletedProcess[str]:
    """Bring a file with the content "new" to a URL."""
    (run / "workspace").mkdir(parents=True)
    (run / "workspace/out").write_text("new")
    return stage(run, "stage-out", scheme="https", address=f"{url}/out", path="out", **facts)


# Answers before the file is looked up and after it was sent. A file that does not exist may be written.
@pytest.mark.parametrize("answers", [(408,), (423,), (429, 429), (200, 429), (200, 200, 423), (410,)])
def test_an_output_goes_out_to_a_server_that_is_busy_for_a_while(tmp_path: Path, answers: Sequence[int]) -> None:
    files: dict[str, bytes] = {}
    with web_server(files, answers) as url:
        done = stage_out(tmp_path, url)
    assert done.returncode == 0, done.stderr
    assert files == {"/out": b"new"}
    assert "it was not compared" not in done.stdout


def test_an_output_does_not_go_out_to_a_server_that_stays_busy(tmp_path: Path) -> None:
    files = {"/out": b"old"}
    with web_server(files, otherwise=429) as url:
        done = stage_out(tmp_path, url, overwrite="yes")
    assert done.returncode == 96
    assert done.stderr.endswith("The requested URL returned error: 429 (attempt 3 of 3)\n")
    assert files == {"/out": b"old"}


def test_a_server_that_does_not_tell_what_is_there(tmp_path: Path) -> None:
    """A user who allows overwriting gets the file replaced, because the answer does not prove that the file exists."""
    files: dict[str, bytes] = {}
    with web_server(files, otherwise=405) as url:
        refused = stage_out(tmp_path / "refused", url)
        assert (refused.returncode, files) == (96, {})
        sent = stage_out(tmp_path / "sent", url, overwrite="yes")
    why = "the server does not say what is there (curl: (22) The requested URL returned error: 405)"
    assert refused.stderr.endswith(f"reana-batch: it: {why}; add overwrite=true to send it anyway\n")
    assert sent.returncode == 0, sent.stderr
    assert f"the server reports nothing about {url}/out; it was not compared" in sent.stdout
    assert files == {"/out": b"new"}


def test_overwrite_replaces_a_file_of_the_same_size_with_an_unknown_checksum(tmp_path: Path) -> None:
    files = {"/out": b"old"}
    with web_server(files) as url:
        kept = stage_out(tmp_path / "kept", url)
        assert (kept.returncode, files) == (0, {"/out": b"old"})
        replaced = stage_out(tmp_path / "replaced", url, overwrite="yes")
    assert "/out is there already, judging by its size\n" in kept.stdout
    assert replaced.returncode == 0, replaced.stderr
    assert files == {"/out": b"new"}


@pytest.mark.parametrize("answer", [400, 405, 429])
def test_an_input_comes_in_from_a_server_that_does_not_tell_what_is_there(tmp_path: Path, answer: int) -> None:
    with web_server({"/in": b"some"}, otherwise=answer) as url:
        done = stage(tmp_path, "stage-in", scheme="https", address=f"{url}/in", path="in")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "workspace/in").read_text() == "some"


def test_an_input_that_is_gone_is_asked_for_once(tmp_path: Path) -> None:
    with web_server({"/in": b"some"}, otherwise=410) as url:
        done = stage(tmp_path, "stage-in", scheme="https", address=f"{url}/in", path="in")
    assert done.returncode == 96
    assert done.stderr.endswith("it: curl: (22) The requested URL returned error: 410\n")


def test_an_output_that_leads_out_of_the_workspace_stays(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    workspace = tmp_path / "run/workspace"
    workspace.mkdir(parents=True)
    (workspace / "inner").write_text("new")
    files: dict[str, bytes] = {}
    with web_server(files) as url:
        for target, code in ((tmp_path / "key", 2), (workspace / "inner", 0)):
            (workspace / "out").unlink(missing_ok=True)
            (workspace / "out").symlink_to(target)
            done = stage(tmp_path / "run", "stage-out", scheme="https", address=f"{url}/out", path="out")
            assert (done.returncode == 0) == (code == 0), done.stderr
            if code:
                assert "out is a link that leads out of the workspace" in done.stderr
                assert files == {}
    assert files == {"/out": b"new"}


def test_an_input_does_not_go_through_a_link_out_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    workspace = tmp_path / "run/workspace"
    workspace.mkdir(parents=True)
    (workspace / "data").symlink_to(tmp_path / "home")
    with web_server({"/in": b"new"}) as url:
        done = stage(tmp_path / "run", "stage-in", scheme="https", address=f"{url}/in", path="data/in")
    assert done.returncode != 0
    assert "data leads out of the workspace" in done.stderr
    assert list((tmp_path / "home").iterdir()) == []


# --- Rucio, outwards --------------------------------------------------------------------------------

# A Rucio of the old or the new style. Its catalogue is the folder ``known``: for each file its name and RSEs, and
# ``rules`` and ``attached``. ``faults`` holds bash code that runs first.
_RUCIO_OUT = """#!/bin/bash
here=${0%/*}/.. words=$*
[[ ! -e $here/faults ]] || . "$here/faults"
words=${words#-T 60 } words=${words#-H r --auth-host a }
echo "$words" >>"$here/asked"
case "$words" in
  "replica list file --help") [[ -e $here/new ]] ;;
  "replica list file --metalink "* | "list-file-replicas --metalink "*)
    [[ -e $here/known ]] || { echo "ERROR Data identifier 's:out' not found" >&2; exit 1; }
    cat "$here/known" ;;
  upload*)
    printf '<file name="out"><identity>s:out</identity><size>3</size><hash type="adler32">%s</hash>' "${ADLER:-028e014b}" >"$here/known"
    printf '<url location="R">r</url></file>\\n' >>"$here/known" ;;
  "rule list"* | list-rules*) cat "$here/rules" 2>/dev/null || : ;;
  "rule add"* | add-rule*) echo "1 s:out R" >"$here/rules" ;;
  "did add"* | add-dataset*) ;;
  "did content add"* | attach*) echo s:out >"$here/attached" ;;
  "did content list"* | list-content*) cat "$here/attached" 2>/dev/null || : ;;
  *) exit 9 ;;
esac
"""


def upload(run: Path, *, new: bool = True, faults: str = "", **facts: str) -> subprocess.CompletedProcess[str]:
    """Bring a file with the content "new" to the RSE R."""
    client = run / "rucio/bin/rucio"
    client.parent.mkdir(parents=True, exist_ok=True)
    client.write_text(_RUCIO_OUT)
    client.chmod(0o755)
    (run / "rucio/faults").write_text(faults)
    if new:
        (run / "rucio/new").touch()
    (run / "workspace").mkdir(exist_ok=True)
    (run / "workspace/out").write_text("new")
    given = {"scheme": "rucio", "address": "s:out", "path": "out", "rse": "R", "rucio_host": "r", "auth_host": "a"}
    return stage(run, "stage-out", **(given | facts))


def asked(run: Path) -> list[str]:
    """Return the changes that a job requested with Rucio's client."""
    words = ("upload", "rule add", "add-rule", "did add", "add-dataset", "did content add", "attach")
    return [line for line in (run / "rucio/asked").read_text().splitlines() if line.startswith(words)]


NEW_STYLE = [
    "rule add --copies 1 --rses R --lifetime 60 s:out",
    "did add --type dataset s:all",
    "did content add --to-did s:all s:out",
]
OLD_STYLE = ["add-rule --lifetime 60 s:out 1 R", "add-dataset s:all", "attach s:all s:out"]


@pytest.mark.parametrize(("new", "calls"), [(True, NEW_STYLE), (False, OLD_STYLE)], ids=["new", "old"])
def test_an_output_goes_to_rucio_with_a_rule_and_into_its_dataset(tmp_path: Path, new: bool, calls: list[str]) -> None:
    done = upload(tmp_path, new=new, dataset="s:all", lifetime="60")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "reana-batch: s:out: 3 bytes at R, in the dataset s:all\n"
    first, *others = asked(tmp_path)
    assert first.startswith("upload --rse R --scope s --register-after-upload --lifetime 60 /")
    assert others == calls
    again = upload(tmp_path, new=new, dataset="s:all", lifetime="60")
    assert again.stdout.splitlines()[0] == "reana-batch: s:out is at R already"
    assert len(asked(tmp_path)) == len(calls) + 1


def test_an_output_that_rucio_has_with_other_content_stays(tmp_path: Path) -> None:
    assert upload(tmp_path, faults="ADLER=01").returncode == 96
    done = upload(tmp_path)
    assert done.returncode == 96
    assert "s:out is registered with other content" in done.stderr
    assert len(asked(tmp_path)) == 1


def test_a_name_that_is_a_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rucio").mkdir()
    (tmp_path / "rucio/known").write_text("<metalink></metalink>")
    done = upload(tmp_path)
    assert (done.returncode, "s:out is a dataset; choose another name" in done.stderr) == (96, True)


def test_an_upload_that_registers_nothing_failed_whatever_its_exit_code(tmp_path: Path) -> None:
    nothing = 'case $words in *" upload "*) echo "ERROR no space left on device"; exit 0;; esac\n'
    done = upload(tmp_path, faults=nothing)
    assert done.returncode == 96
    assert done.stderr.endswith("it: nothing was registered: no space left on device\n")


def test_an_upload_is_tried_again(tmp_path: Path) -> None:
    once = 'case $words in *" upload "*) [[ -e $here/failed ]] || { : >$here/failed; echo "ERROR timeout" >&2; exit 1; };; esac\n'
    done = upload(tmp_path, faults=once)
    assert done.returncode == 0, done.stderr
    assert "reana-batch: attempt 1 of 3 failed: timeout; again in" in done.stderr


def test_a_dataset_that_is_there_is_used_and_one_that_stays_empty_is_told(tmp_path: Path) -> None:
    there = 'case $words in *"did add"*) echo "ERROR Data Identifier Already Exists" >&2; exit 1;; esac\n'
    assert upload(tmp_path, faults=there, dataset="s:all").returncode == 0
    (tmp_path / "rucio/attached").unlink()
    empty = there + 'case $words in *"content add"*) echo "ERROR access denied" >&2; exit 1;; esac\n'
    done = upload(tmp_path, faults=empty, dataset="s:all", attempts="1")
    assert done.returncode == 96
    assert "s:out could not be attached to s:all" in done.stderr


def test_a_catalogue_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    done = upload(tmp_path, faults='case $words in *replica*metalink*) echo "ERROR timeout" >&2; exit 1;; esac\n')
    assert (done.returncode, done.stderr.endswith("it: timeout (attempt 3 of 3)\n")) == (96, True)


def test_a_client_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/out").write_text("new")
    given = {"scheme": "rucio", "address": "s:out", "path": "out", "rse": "R", "setup": "../site.sh"}
    (tmp_path / "site.sh").write_text("echo set up\n")
    done = stage(tmp_path, "stage-out", **given)
    assert (done.returncode, done.stdout) == (94, "set up\n")
    assert "rucio is not installed on" in done.stderr
    (tmp_path / "site.sh").write_text("false\n")
    assert stage(tmp_path, "stage-out", **given).stderr.endswith("../site.sh of data.setup ended with exit code 1\n")
    assert "cannot be read" in stage(tmp_path, "stage-out", **(given | {"setup": "../none.sh"})).stderr


# --- XRootD ----------------------------------------------------------------------------------------

# Its storage is the folder next to it.
_XRDFS = """#!/bin/bash
here=${0%/*}/.. file=${0%/*}/../stored$4
case $2 in
  stat) [[ -e $here/stored$3 ]] || { echo "[ERROR] Server responded with an error: [3011] no such file" >&2; exit 54; }
    printf 'Path:   %s\nSize:   %s\n' "$3" "$(stat -c %s "$here/stored$3")" ;;
  query) printf 'adler32 %s\n' "$(<"$here/adler32")" ;;
  mv) [[ ! -e $file ]] && mv "$here/stored$3" "$file" ;;
  rm) rm "$here/stored$3" ;;
esac
"""
_XRDCP = r"""#!/bin/bash
here=${0%/*}/.. from=${*: -2:1} to=${*: -1}
from=${from/#root:\/\/host\//$here/stored} to=${to/#root:\/\/host\//$here/stored}
mkdir -p "${to%/*}" && cp "$from" "$to"
"""


def by_xrootd(run: Path, script: str, content: bytes = b"new", **facts: str) -> subprocess.CompletedProcess[str]:
    programs = run / "rucio/bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name, text in (("xrdfs", _XRDFS), ("xrdcp", _XRDCP)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (run / "rucio/adler32").write_text(f"{zlib.adler32(content):08x}")
    (run / "workspace").mkdir(exist_ok=True)
    return stage(run, script, **({"scheme": "root", "address": "root://host//eos/out", "path": "out"} | facts))


def test_an_output_goes_out_and_comes_in_by_xrootd(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/out").write_text("new")
    done = by_xrootd(tmp_path, "stage-out")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "rucio/stored/eos").iterdir()] == ["out"]
    assert by_xrootd(tmp_path, "stage-out").stdout.startswith("reana-batch: root://host//eos/out is there already\n")
    done = by_xrootd(tmp_path, "stage-in", path="in")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "workspace/in").read_text() == "new"
    assert by_xrootd(tmp_path, "stage-in", path="in").stdout == "reana-batch: in is there already\n"
    (tmp_path / "workspace/out").write_text("newer")
    assert by_xrootd(tmp_path, "stage-out", b"new").returncode == 96
    assert by_xrootd(tmp_path, "stage-out", b"newer", overwrite="true").returncode == 0
    assert (tmp_path / "rucio/stored/eos/out").read_text() == "newer"


def test_a_root_url_names_a_host_and_a_path(bash: Bash) -> None:
    facts = {"reference": "it"}
    parts = bash("split_root", "root://host//eos/a?b", facts=facts, asked=["server", "remote"]).variables
    assert parts == {"server": "root://host", "remote": "/eos/a?b"}
    assert bash("split_root", "root:host", facts=facts).code == 96


def test_checksums_that_a_server_tells(bash: Bash) -> None:
    md5 = "ItyUHjZtMPZE6QJ/Ai8iCg=="
    facts = {"bytes": "-", "adler32": "-", "md5": "-"}
    told = bash("read_digest", f"adler32=029B0149,md5={md5},sha=x", facts=facts, asked=["adler32", "md5"]).variables
    assert told == {"adler32": "029b0149", "md5": base64.b64decode(md5).hex()}
    assert bash("set_checksum", "adler32", "none", facts=facts, asked=["adler32"])["adler32"] == "-"


@pytest.mark.parametrize(
    ("credential", "words"),
    [("kerberos", ["--negotiate", "--user", ":"]), ("voms_proxy", ["--cert", "p", "--key", "p"]), ("none", [])],
)
def test_curl_shows_the_credential(bash: Bash, credential: str, words: list[str]) -> None:
    environment = {"X509_USER_PROXY": "p", "X509_CERT_DIR": "/none"}
    facts = {"credential": credential, "timeout": "9"}
    curl = bash("set_curl", facts=facts, asked=["curl"], environment=environment)["curl"]
    assert list(curl or ())[11:] == words
