"""`export`: a run as an RO-Crate, in every state and of every workflow type, read again by others."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from prov.model import ProvAgent, ProvCommunication, ProvDocument

from reana_batch import backends
from reana_batch.cli import export_commands
from reana_batch.lifecycle.status import status
from reana_batch.report.provenance import facts_of
from tests.cwl import flows as cwl
from tests.snakemake import flows as snakemake
from tests.yadage import flows as yadage

from .conftest import Desk, said, serial, until

ROOT = Path(__file__).parents[2]
SAMPLES = ("channels", "diamond", "dimuon", "helloworld", "lifetime", "toys", "wordcount")
TOOLS = Path(sys.prefix) / "provenance"  # made by tests/install-provenance-tools.sh
ALL = ["process-run-crate", "workflow-run-crate", "provenance-run-crate"]
# The last profile extends the others.
PROFILES = ALL[-1:]
COMPLETED, FAILED, ACTIVE, POTENTIAL = (
    f"http://schema.org/{word}ActionStatus" for word in ("Completed", "Failed", "Active", "Potential")
)

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Ask the programs of others what they read in a file."""
    if not (TOOLS / "installed").exists():
        pytest.skip("LEFT OUT: no tools for exports; tests/install-provenance-tools.sh says why")
    command = [str(TOOLS / "bin/python"), str(ROOT / "tests/provenance_reader.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def asked(*request: object) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([str(each) if isinstance(each, Path) else each for each in request]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield asked


def exported(desk: Desk, name: str, *words: str) -> dict[str, dict[str, Any]]:
    """Return the entities of the crate of a run, by their identifiers."""
    answer = desk.json("export", "-w", name, "--ro-crate", "crate", "--force", *words)
    assert answer["files"] == ["crate"]
    graph = json.loads(desk.read("crate/ro-crate-metadata.json"))["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph)
    known = found.keys() | {each for each in _addresses(graph) if each.startswith("http")}
    assert _addresses(graph) <= known
    return found


def _addresses(value: Any) -> set[str]:
    """Return all identifiers that entities refer to."""
    if isinstance(value, dict):
        own = {value["@id"]} if value.keys() == {"@id"} else set()
        return own.union(*map(_addresses, value.values()))
    return set().union(*map(_addresses, value)) if isinstance(value, list) else set()


def edges(run: Path) -> list[list[str]]:
    """Return the pairs of jobs of a run of which the second waits for the first."""
    facts = facts_of(status(run))
    return sorted([parent.name, job.name] for job in facts.jobs for parent in facts.parents_of(job))


def check(desk: Desk, run: Path, ask: Ask, *profiles: str) -> None:
    """Check that the crate of a run is valid, and that another program reads the same graph in it."""
    entities = exported(desk, run.name)
    assert ask("issues", desk.path / "crate", [*(profiles or PROFILES)]) == {each: [] for each in profiles or PROFILES}
    read = ask("graph", desk.path / "crate")
    jobs = [entity["name"] for entity in entities.values() if entity["@id"].startswith("#job/")]
    assert read["tasks"] == [*range(len(jobs))]
    assert sorted([jobs[one], jobs[two]] for one, two in read["edges"]) == edges(run)
    assert len(jobs) == desk.json("status", "-w", run.name)["progress"]["total"]


# --- runs of every kind ---------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_a_valid_crate(desk: Desk, ask: Ask, sample: str) -> None:
    desk("samples", sample)
    run = desk.run("test", "-f", sample)
    check(desk, run, ask, *(ALL if sample == "diamond" else PROFILES))


FLOWS = {
    "checkpoints": snakemake.copy,
    "features": snakemake.copy,
    "gather": cwl.copy,
    "dynamic": cwl.copy,
    "chain": yadage.copy,
    "late": yadage.copy,
}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_workflow_type_is_a_valid_crate(desk: Desk, ask: Ask, flow: str) -> None:
    FLOWS[flow](flow, desk.path / flow)
    check(desk, desk.run("test", "-f", flow), ask)


@pytest.mark.parametrize("site", ["generic-slurm", "generic-htcondor"])
def test_a_run_that_was_compiled_alone(desk: Desk, ask: Ask, site: str) -> None:
    desk.write("reana.yaml", serial("echo 1 > out.txt", "cat out.txt", outputs={"files": ["out.txt"]}))
    desk("compile", "--site", site, "-o", "runs/test.1")
    check(desk, desk.path / "runs/test.1", ask)
    entities = exported(desk, "test.1")
    assert {entity["actionStatus"] for entity in entities.values() if "actionStatus" in entity} == {POTENTIAL}
    assert not [key for entity in entities.values() for key in ("startTime", "endTime", "error") if key in entity]
    title = backends.lowering(site.rpartition("-")[2]).TARGET.title
    assert title in {entity.get("name") for entity in entities.values()}


def test_the_graph_of_a_sample_is_the_one_that_its_author_wrote(desk: Desk) -> None:
    desk("samples", "diamond")
    run = desk.run("test", "-f", "diamond")
    steps = ("A-numbers.1", "A-numbers.2", "B-squares", "C-factors", "D-table")
    assert edges(run) == [[f"{one}/0", f"{two}/0"] for one, two in itertools.pairwise(steps)]


# --- what the crate says --------------------------------------------------------------------------


OUTPUTS = {"files": ["out.txt"], "directories": ["plots"]}
COMMAND = "mkdir plots; cat 'in put.txt' > out.txt; echo 2 > plots/a.png; echo said"


@pytest.fixture
def finished(desk: Desk) -> Path:
    """A finished run with an input and outputs."""
    desk.write("in put.txt", "one")
    desk.write("reana.yaml", serial(COMMAND, "cat out.txt", outputs=OUTPUTS, inputs={"files": ["in put.txt"]}))
    return desk.run()


@pytest.mark.usefixtures("finished")
def test_files_have_sizes_and_checksums(desk: Desk) -> None:
    entities = exported(desk, "test")
    run = entities["#run/test.1"]
    assert run["object"] == {"@id": "workspace/in%20put.txt"}
    assert run["result"] == [{"@id": "workspace/out.txt"}, {"@id": "workspace/plots/"}]
    assert entities["workspace/plots/"]["hasPart"] == {"@id": "workspace/plots/a.png"}
    for path, text in (("in put.txt", "one"), ("out.txt", "one"), ("plots/a.png", "2\n")):
        file = entities[f"workspace/{path}".replace(" ", "%20")]
        assert (file["alternateName"], file["contentSize"]) == (path, str(len(text)))
        assert file["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert (desk.path / "crate/workspace" / path).read_text() == text
    assert entities["workspace/plots/a.png"]["encodingFormat"] == "image/png"
    assert desk.read("crate/reana.yaml") == desk.read("reana.yaml")


@pytest.mark.usefixtures("finished")
def test_jobs_have_times_hosts_and_commands(desk: Desk) -> None:
    entities = exported(desk, "test")
    job = entities["#job/s1/0"]
    assert job["description"] == COMMAND
    assert job["location"] == os.uname().nodename
    assert job["actionStatus"] == entities["#run/test.1"]["actionStatus"] == COMPLETED
    assert job["startTime"] <= job["endTime"] <= entities["#job/s2/0"]["endTime"]
    assert job["startTime"].endswith("+00:00")
    assert [entities[each["@id"]]["propertyID"] for each in job["resourceUsage"]] == ["cpuTime", "peakMemory"]
    assert entities["#control/s1"]["object"] == {"@id": "#job/s1/0"}
    [software] = (each for each in entities.values() if each.get("name") == "reana-batch")
    assert f"reana-batch, version {software['softwareVersion']}\n" == desk("--version").stdout


@pytest.mark.usefixtures("finished")
def test_what_nobody_told_is_not_there(desk: Desk) -> None:
    text = json.dumps(exported(desk, "test"))
    assert "agent" not in text
    assert str(desk.path) not in text
    assert not (desk.path / "crate/logs").exists()
    assert exported(desk, "test")["./"]["license"] == "No license was stated."


@pytest.mark.usefixtures("finished")
def test_the_user_says_who_ran_it_and_under_which_license(desk: Desk, ask: Ask) -> None:
    orcid, license_ = "https://orcid.org/0000-0002-1825-0097", "https://spdx.org/licenses/MIT"
    entities = exported(desk, "test", "--agent", orcid, "--license", license_)
    assert entities["#run/test.1"]["agent"] == entities["#job/s1/0"]["agent"] == {"@id": orcid}
    assert entities["./"]["license"] == {"@id": license_}
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}
    assert exported(desk, "test", "--agent", "Alice")["#agent"]["name"] == "Alice"


@pytest.mark.usefixtures("finished")
def test_logs_are_there_if_they_are_asked_for(desk: Desk, ask: Ask) -> None:
    entities = exported(desk, "test", "--logs")
    assert entities["logs/s1/0.out"]["about"] == {"@id": "#job/s1/0"}
    assert desk.read("crate/logs/s1/0.out") == "said\n"
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}


@pytest.mark.usefixtures("finished")
def test_a_crate_without_data(desk: Desk, ask: Ask) -> None:
    entities = exported(desk, "test", "--no-data")
    files = [path for path in (desk.path / "crate").rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["reana.yaml", "ro-crate-metadata.json"]
    file = entities["#workspace/out.txt"]
    assert (file["contentSize"], file["sha256"]) == ("3", hashlib.sha256(b"one").hexdigest())
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}


def test_an_image_is_that_of_the_jobs_only_if_they_ran_in_it(desk: Desk, ask: Ask) -> None:
    digest = "ab" * 32
    text = serial("true").replace("debian:12", f"debian@sha256:{digest}")
    desk.write("reana.yaml", text)
    desk("compile", "--site", "generic-slurm", "-o", "runs/in.1", "--set", "container_runtime=apptainer")
    entities = exported(desk, "in.1")
    image = entities[entities["#job/s1/0"]["containerImage"]["@id"]]
    assert (image["registry"], image["name"], image["sha256"]) == ("docker.io", "library/debian", digest)
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}
    desk("compile", "--site", "generic-slurm", "-o", "runs/out.1", "--set", "container_runtime=none")
    entities = exported(desk, "out.1")
    assert "containerImage" not in entities["#job/s1/0"]
    assert entities["#tool/s1"]["softwareRequirements"] == f"docker.io/library/debian@sha256:{digest}"


def test_a_failed_run_says_what_failed(desk: Desk, ask: Ask) -> None:
    desk.write("reana.yaml", serial("true", "exit 3", "true", outputs={"files": ["never"]}))
    run = desk.run(exits=1)
    check(desk, run, ask)
    entities = exported(desk, "test")
    found = [entities[f"#job/s{number}/0"]["actionStatus"] for number in (1, 2, 3)]
    assert found == [COMPLETED, FAILED, POTENTIAL]
    assert "3" in entities["#job/s2/0"]["error"]
    assert entities["#run/test.1"]["actionStatus"] == FAILED
    assert entities["#run/test.1"]["error"].startswith("s2: ")
    assert entities["#control/s2"]["error"] == "1 of 1 job failed"
    assert not {"error", "startTime", "endTime", "location"} & entities["#job/s3/0"].keys()


@pytest.mark.usefixtures("running")
def test_a_running_run(desk: Desk, ask: Ask) -> None:
    entities = exported(desk, "test")
    found = [entities[f"#job/s{number}/0"]["actionStatus"] for number in (1, 2, 3)]
    assert found == [COMPLETED, ACTIVE, POTENTIAL]
    assert entities["#run/test.1"]["actionStatus"] == ACTIVE
    assert "startTime" in entities["#job/s2/0"]
    assert not {"endTime", "error"} & (entities["#run/test.1"].keys() | entities["#job/s2/0"].keys())
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}
    desk("stop", "-w", "test")
    until(lambda: desk.state("test") == "stopped")
    entities = exported(desk, "test")
    assert (entities["#run/test.1"]["actionStatus"], entities["#run/test.1"]["error"]) == (FAILED, "it was stopped")
    assert entities["#job/s2/0"]["actionStatus"] == FAILED


def test_an_input_that_a_job_changed_is_not_taken_for_the_input(desk: Desk, ask: Ask) -> None:
    desk.write("in.txt", "one")
    desk.write("reana.yaml", serial("echo 12345 > in.txt", inputs={"files": ["in.txt"]}))
    check(desk, desk.run(), ask)
    file = exported(desk, "test")["#workspace/in.txt"]
    assert file["contentSize"] == "3"
    assert "sha256" not in file
    assert not (desk.path / "crate/workspace").exists()


@pytest.mark.usefixtures("finished")
def test_an_analysis_that_has_changed_is_not_taken_for_that_of_the_run(desk: Desk, ask: Ask) -> None:
    desk.write("reana.yaml", serial("something else"))
    entities = exported(desk, "test")
    assert entities["./"]["mainEntity"] == {"@id": "batch/manifest.json"}
    assert not (desk.path / "crate/reana.yaml").exists()
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}


def test_links_are_not_followed(desk: Desk, ask: Ask) -> None:
    secret = desk.write("secret.txt", "secret")
    desk.write("reana.yaml", serial("mkdir plots; echo 1 > out.txt; echo 1 > plots/a", outputs=OUTPUTS))
    run = desk.run()
    for path in ("out.txt", "plots/a"):
        (run / "workspace" / path).unlink()
        (run / "workspace" / path).symlink_to(secret)
    entities = exported(desk, "test")
    assert entities["#workspace/out.txt"]["description"] == f"It is a link to {secret}."
    assert "secret" not in {path.read_text() for path in (desk.path / "crate").rglob("*") if path.is_file()}
    assert ask("issues", desk.path / "crate", PROFILES) == {PROFILES[0]: []}


def test_names_that_are_not_utf8(desk: Desk) -> None:
    desk.write("reana.yaml", serial(r"mkdir plots; printf 1 > plots/$$'b\377 d#'", outputs={"directories": ["plots"]}))
    desk.run()
    entities = exported(desk, "test")
    file = entities["workspace/plots/b%FF%20d%23"]
    assert file["alternateName"] == "plots/b\ufffd d#"
    desk("export", "-w", "test", "--ro-crate", "crate.zip")
    with zipfile.ZipFile(desk.path / "crate.zip") as archive:
        assert "workspace/plots/b\ufffd d#" in archive.namelist()


# --- the validator sees faults ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "key"), [("#job/s1/0", "instrument"), ("#control/s1", "object"), ("./", "conformsTo"), ("./", "license")]
)
@pytest.mark.usefixtures("finished")
def test_the_validator_sees_what_is_missing(desk: Desk, ask: Ask, entity: str, key: str) -> None:
    exported(desk, "test")
    place = desk.path / "crate/ro-crate-metadata.json"
    metadata = json.loads(place.read_text())
    [each] = (each for each in metadata["@graph"] if each["@id"] == entity)
    del each[key]
    place.write_text(json.dumps(metadata))
    assert ask("issues", desk.path / "crate", PROFILES)[PROFILES[0]]


# --- where it is written ----------------------------------------------------------------------------


@pytest.mark.usefixtures("finished")
def test_a_zip_file_has_the_same_files(desk: Desk, ask: Ask) -> None:
    exported(desk, "test")
    desk("export", "-w", "test", "--ro-crate", "made/new.zip")
    root = desk.path / "crate"
    with zipfile.ZipFile(desk.path / "made/new.zip") as archive:
        assert archive.testzip() is None
        inside = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    outside = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    times = [
        json.loads(each.pop("ro-crate-metadata.json"))["@graph"][0].pop("datePublished") for each in (inside, outside)
    ]
    assert all(times)
    assert inside == outside
    assert ask("issues", desk.path / "made/new.zip", PROFILES) == {PROFILES[0]: []}
    assert [path.name for path in (desk.path / "made").iterdir()] == ["new.zip"]


@pytest.mark.usefixtures("finished")
def test_nothing_is_replaced_without_force(desk: Desk) -> None:
    exported(desk, "test")
    (desk.path / "crate/old").touch()
    done = desk("export", "-w", "test", "--ro-crate", "crate", exits=3)
    said(done, "error: crate exists. [output-exists]", "hint: replace it with --force, or name another.")
    exported(desk, "test")
    assert not (desk.path / "crate/old").exists()
    (desk.path / "mine").mkdir()
    (desk.path / "link").symlink_to("crate")
    for place in ("mine", "link", "reana.yaml"):
        done = desk("export", "-w", "test", "--ro-crate", place, "--force", exits=3)
        said(done, f"error: {place} exists and is not a crate. [output-exists]")


@pytest.mark.usefixtures("finished")
def test_a_place_that_cannot_be_written(desk: Desk) -> None:
    desk.write("file", "")
    for ending in ("", ".zip"):
        done = desk("export", "-w", "test", "--ro-crate", f"file/crate{ending}", exits=3)
        assert "[cannot-write]" in done.stderr


@pytest.mark.parametrize(
    ("option", "modules", "extra"),
    [("--ro-crate", ("rocrate", "rocrate.rocrate"), "rocrate"), ("--prov", ("prov", "prov.model"), "prov")],
)
def test_the_library_is_named_if_it_is_missing(
    finished: Path, monkeypatch: pytest.MonkeyPatch, option: str, modules: tuple[str, ...], extra: str
) -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
    done = CliRunner().invoke(export_commands.export, ["-w", f"{finished}/", option, str(finished / "made")])
    assert done.exit_code == 3
    assert f"pip install 'reana-batch[{extra}]'" in done.output
    assert not (finished / "made").exists()


# --- WfFormat ---------------------------------------------------------------------------------------


def wfformat(desk: Desk, name: str) -> dict[str, Any]:
    """Return the instance of a run."""
    assert desk.json("export", "-w", name, "--wfformat", "w.json", "--force")["files"] == ["w.json"]
    found: dict[str, Any] = json.loads(desk.read("w.json"))
    assert found["schemaVersion"] == "1.5"
    return found


@pytest.mark.parametrize("flow", ["toys", "diamond", "features", "dynamic"])
def test_wfcommons_reads_its_format(desk: Desk, ask: Ask, flow: str) -> None:
    if flow in SAMPLES:
        desk("samples", flow)
    else:
        FLOWS[flow](flow, desk.path / flow)
    run = desk.run("test", "-f", flow)
    tasks = wfformat(desk, "test")["workflow"]["specification"]["tasks"]
    names = dict(zip([task["id"] for task in tasks], [job.name for job in facts_of(status(run)).jobs], strict=True))
    read = ask("instance", desk.path / "w.json")
    assert read["errors"] == read["warnings"] == []
    assert sorted([names[one], names[two]] for one, two in read["edges"]) == edges(run)


@pytest.mark.usefixtures("finished")
def test_an_instance_says_how_jobs_ran(desk: Desk) -> None:
    record = wfformat(desk, "test")
    assert f"reana-batch, version {record['runtimeSystem']['version']}\n" == desk("--version").stdout
    execution = record["workflow"]["execution"]
    first, _ = execution["tasks"]
    assert first["command"] == {"program": "bash", "arguments": ["-c", COMMAND]}
    assert first["machines"] == [os.uname().nodename]
    assert execution["machines"] == [{"nodeName": os.uname().nodename}]
    assert execution["makespanInSeconds"] >= first["runtimeInSeconds"] >= 0
    assert first["memoryInBytes"] > 0


@pytest.mark.usefixtures("running")
def test_a_run_that_has_not_ended_has_no_execution(desk: Desk, ask: Ask) -> None:
    assert "execution" not in wfformat(desk, "test")["workflow"]
    assert ask("instance", desk.path / "w.json")["errors"] == []


def test_a_failed_run_has_the_jobs_that_ended(desk: Desk, ask: Ask) -> None:
    desk.write("reana.yaml", serial("true", "exit 3", "true"))
    desk.run(exits=1)
    workflow = wfformat(desk, "test")["workflow"]
    assert len(workflow["specification"]["tasks"]) == 3
    assert len(workflow["execution"]["tasks"]) == 2
    assert ask("instance", desk.path / "w.json")["errors"] == []


# --- PROV -------------------------------------------------------------------------------------------


def prov(desk: Desk, name: str, *words: str) -> Any:
    """Return the document of a run, as the library reads it again."""
    desk("export", "-w", name, "--prov", "p.json", "--force", *words)
    return ProvDocument.deserialize(content=desk.read("p.json"))


def informed(document: Any) -> list[list[str]]:
    """Return the pairs of jobs of a document of which the second is informed by the first, also through a step."""
    pairs = [
        [str(value) for _, value in each.formal_attributes[:2]] for each in document.get_records(ProvCommunication)
    ]
    of_steps: dict[str, list[str]] = {}
    for one, other in pairs:
        of_steps.setdefault(one, []).append(other)
    found: set[tuple[str, str]] = set()
    for job, before in pairs:
        if job.startswith("run:job/"):
            found |= {(each, job) for each in (of_steps[before] if before.startswith("run:step/") else [before])}
    return sorted([unquote(one).removeprefix("run:job/"), unquote(two).removeprefix("run:job/")] for one, two in found)


@pytest.mark.parametrize("flow", ["toys", "features", "dynamic"])
def test_a_prov_document_has_the_same_graph(desk: Desk, flow: str) -> None:
    if flow in SAMPLES:
        desk("samples", flow)
    else:
        FLOWS[flow](flow, desk.path / flow)
    run = desk.run("test", "-f", flow)
    assert informed(prov(desk, "test")) == edges(run)


@pytest.mark.usefixtures("finished")
def test_a_prov_document_has_files_times_and_agents(desk: Desk) -> None:
    document = prov(desk, "test")
    [output] = document.get_record("run:file/out.txt")
    attributes = {str(name): value for name, value in output.attributes}
    assert (attributes["rb:size"], attributes["rb:sha256"]) == (3, hashlib.sha256(b"one").hexdigest())
    [job] = document.get_record("run:job/s1/0")
    assert job.get_startTime() <= job.get_endTime()
    assert "rb:command" in {str(name) for name, _ in job.attributes}
    assert [str(each.identifier) for each in document.get_records(ProvAgent)] == ["run:reana-batch"]
    named = prov(desk, "test", "--agent", "Alice")
    assert [each.label for each in named.get_records(ProvAgent)][1:] == ["Alice"]
    desk("export", "-w", "test", "--prov", "p.provn")
    assert desk.read("p.provn").startswith("document\n")
    assert desk.read("p.provn").endswith("endDocument\n")


@pytest.mark.usefixtures("finished")
def test_one_call_writes_all_forms(desk: Desk) -> None:
    words = ("export", "-w", "test", "--ro-crate", "c.zip", "--wfformat", "w.json", "--prov", "p.json")
    assert desk.json(*words)["files"] == ["c.zip", "w.json", "p.json"]
    for name in ("--wfformat", "--prov"):
        done = desk("export", "-w", "test", name, "w.json", exits=3)
        said(done, "error: w.json exists. [output-exists]", "hint: replace it with --force, or name another.")
