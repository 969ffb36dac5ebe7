"""Going on after a change of the analysis: what runs is what the plan says, and nothing else runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reana_batch.cli import starting
from reana_batch.compilation import Options
from reana_batch.diagnostics import Diagnostics
from reana_batch.lifecycle import changes, planning
from reana_batch.pipeline import compile_spec
from reana_batch.run.parts import Run
from reana_batch.writing import staging
from tests.golden.forked import Forked

from .conftest import ENDLESS, Desk, answered, records, said, until

IMAGE = "docker.io/library/debian:12"
INPUTS = {"gen.sh": "seq $1\n", "fit.sh": ". ./lib.sh; count\n", "lib.sh": "count() { wc -l; }\n"}


def step(name: str, command: str, **fields: Any) -> dict[str, Any]:
    """Return a step that adds its name to a file each time that it succeeds."""
    return {"name": name, "environment": IMAGE, "commands": [f"{command} && echo {name} >> ../../ran.txt"], **fields}


def serial(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "serial", "specification": {"steps": steps}}


def analysis(*more: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return an analysis that makes data and fits them, with more steps after that."""
    steps = [step("gen", "bash gen.sh ${n} > data.txt"), step("fit", "bash fit.sh < data.txt > fit.txt"), *more]
    inputs = {"files": sorted(INPUTS), "parameters": {"n": 3}}
    return {
        "inputs": inputs,
        "workflow": serial(steps),
        "outputs": {"files": ["fit.txt"]},
        **changed,
    }


def write(desk: Desk, name: str, content: dict[str, Any]) -> None:
    desk.write(name, json.dumps(content, indent=1))


def ran(desk: Desk) -> list[str]:
    """Return the steps that have run since the last call."""
    path = desk.path / "runs/ran.txt"
    names = path.read_text().split() if path.exists() else []
    path.write_text("")
    return names


def planned(desk: Desk, *words: str) -> dict[str, str]:
    """Return the steps that a restart would run, each with the reason."""
    plan = desk.json("restart", "-w", "test", "--dry-run", *words)
    assert plan["jobs"] == sum(each["jobs"] for each in plan["steps"])
    return {each["name"]: each["runs"][0]["reason"] for each in plan["steps"] if each["runs"]}


def restart(desk: Desk, *words: str, exits: int = 0) -> dict[str, str]:
    """Restart the run. Check that what has run is what the plan said, and return the plan."""
    ran(desk)
    plan = planned(desk, *words)
    desk("restart", "-w", "test", *words, exits=exits)
    assert ran(desk) == [*plan], plan
    return plan


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, forked: Forked) -> Path:
    """A folder with a finished run, which tests copy."""
    desk = Desk(tmp_path_factory.mktemp("original"), forked)
    for name, text in INPUTS.items():
        desk.write(name, text)
    write(desk, "reana.yaml", analysis())
    desk.run()
    assert ran(desk) == ["gen", "fit"]
    return desk.path


@pytest.fixture
def finished(desk: Desk, original: Path) -> Desk:
    """A desk with a finished run."""
    shutil.copytree(original, desk.path, dirs_exist_ok=True)
    return desk


def test_a_publishing_step_is_added_to_a_finished_run(finished: Desk) -> None:
    inputs = {"files": [*INPUTS, "publish.sh"], "parameters": {"n": 3}}
    finished.write("publish.sh", "cp fit.txt site\n")
    write(finished, "reana.yaml", analysis(step("publish", "mkdir -p site && bash publish.sh"), inputs=inputs))
    plan = finished("restart", "-w", "test", "-f", "reana.yaml", "--dry-run")
    line = next(n for n, text in enumerate(finished.read("reana.yaml").splitlines(), 1) if "bash publish.sh" in text)
    answered(plan, "gen: 1 job stays", "fit: 1 job stays", f"publish: 1 job: new at reana.yaml:{line}")
    assert finished("compile", "--against", "test").stdout == plan.stdout
    done = finished("restart", "-w", "test", "-f", "reana.yaml")
    said(done, "==> test.1.1 goes on where test.1 ended; 2 of its jobs are done already.")
    assert ran(finished) == ["publish"]
    assert finished.read("runs/test.1/workspace/site/fit.txt") == "3\n"
    assert finished.state("test.1") == finished.state("test.1.1") == "finished"
    assert restart(finished, "-f", "reana.yaml") == {}


def test_an_input_that_goes_with_the_step_that_named_it_concerns_no_other(finished: Desk) -> None:
    content = analysis(inputs={"files": ["gen.sh"], "parameters": {"n": 3}}, outputs={"files": ["data.txt"]})
    del content["workflow"]["specification"]["steps"][1]
    write(finished, "reana.yaml", content)
    assert restart(finished, "-f", "reana.yaml") == {}
    assert not (finished.path / "runs/test.1/workspace/fit.sh").exists()


def newer(path: Path) -> None:
    os.utime(path, (path.stat().st_mtime + 10,) * 2)


def changed_command(desk: Desk) -> None:
    content = analysis()
    content["workflow"]["specification"]["steps"][1] = step("fit", "bash fit.sh < data.txt | tee fit.txt")
    write(desk, "reana.yaml", content)


def changed_image(desk: Desk) -> None:
    content = analysis()
    content["workflow"]["specification"]["steps"][1]["environment"] = "docker.io/library/debian:13"
    write(desk, "reana.yaml", content)


def more_memory(desk: Desk) -> None:
    content = analysis()
    asked = {"kubernetes_memory_limit": "8Gi", "kerberos": False, "slurm_partition": "long", "slurm_time": "90"}
    content["workflow"]["specification"]["steps"][1] |= asked
    write(desk, "reana.yaml", content)


def first_removed(desk: Desk) -> None:
    content = analysis()
    del content["workflow"]["specification"]["steps"][0]
    del content["inputs"]["parameters"]
    write(desk, "reana.yaml", content)


def one_between(desk: Desk) -> None:
    content = analysis()
    content["workflow"]["specification"]["steps"].insert(1, step("select", "grep -v 2 data.txt > few; mv few data.txt"))
    write(desk, "reana.yaml", content)


def new_input(desk: Desk, name: str = "more.txt") -> None:
    desk.write(name, "4\n")
    write(desk, "reana.yaml", analysis(inputs={"files": [*INPUTS, name], "parameters": {"n": 3}}))


CHANGES: list[tuple[Callable[[Desk], object], tuple[str, ...], dict[str, str]]] = [
    (lambda _: None, (), {}),
    (more_memory, (), {}),
    (changed_command, (), {"fit": "the command changed"}),
    (changed_image, (), {"fit": "the image is now docker.io/library/debian:13"}),
    (lambda _: None, ("-p", "n=5"), {"gen": "the command changed", "fit": "waits for gen"}),
    (lambda desk: desk.write("gen.sh", "seq 2 $1\n"), (), {"gen": "input gen.sh changed", "fit": "waits for gen"}),
    (lambda desk: desk.write("lib.sh", "count() { wc -c; }\n"), (), {"fit": "input lib.sh changed"}),
    (lambda desk: newer(desk.path / "lib.sh"), (), {"fit": "input lib.sh changed"}),
    (lambda desk: newer(desk.path / "lib.sh"), ("--checksum",), {}),
    (new_input, (), {"gen": "input more.txt is new", "fit": "input more.txt is new"}),
    (first_removed, (), {"fit": "no longer waits for gen"}),
    (one_between, (), {"select": "new", "fit": "waits for select"}),
    (lambda _: None, ("--option", "FROM=fit"), {"fit": "you asked for it by --option FROM=fit"}),
    (lambda _: None, ("--option", "TARGET=gen"), {}),
]


@pytest.mark.parametrize(("change", "words", "plan"), CHANGES)
def test_what_a_change_runs(
    finished: Desk, change: Callable[[Desk], object], words: tuple[str, ...], plan: dict[str, str]
) -> None:
    change(finished)
    assert restart(finished, "-f", "reana.yaml", *words) == plan
    assert finished.state("test.1.1") == "finished"


def test_a_run_of_an_older_version_goes_on_by_its_records(finished: Desk) -> None:
    manifest = json.loads(finished.read("runs/test.1/batch/manifest.json"))
    for each in manifest["steps"]:
        del each["scripts"]
    write(finished, "runs/test.1/batch/manifest.json", manifest)
    (finished.path / "runs/test.1/state/fit/0.done").unlink()
    assert restart(finished) == {"fit": "did not finish"}
    write(finished, "reana.yaml", analysis())
    assert planned(finished, "-f", "reana.yaml")["gen"].startswith("an older reana-batch made the run")


def test_an_input_that_changes_while_it_is_copied_has_changed(finished: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = staging.copy_inputs

    def copy_and_change(*given: Any) -> None:
        copy(*given)
        finished.write("lib.sh", "count() { wc -c; }\n")

    compilation = compile_spec(finished.path / "reana.yaml", Options(site="local", backend="make"), Diagnostics())
    with monkeypatch.context() as patch:
        patch.setattr(staging, "copy_inputs", copy_and_change)
        starting.create(compilation, finished.path / "runs", "other")
    [changed] = planning.changed_inputs(Run(finished.path / "runs/other.1"), compilation, checksum=False)
    assert changed == "lib.sh"


def test_a_failed_run_goes_on_with_another_analysis(finished: Desk) -> None:
    write(finished, "reana.yaml", analysis(step("publish", "false"), step("tell", "true")))
    finished.run(exits=1)
    assert ran(finished) == ["gen", "fit"]
    assert planned(finished) == {"publish": "failed", "tell": "did not finish"}
    write(finished, "reana.yaml", analysis(step("publish", "true"), step("tell", "true")))
    assert restart(finished, "-f", "reana.yaml") == {"publish": "the command changed", "tell": "did not finish"}


def test_a_stopped_run_goes_on_with_another_analysis(finished: Desk) -> None:
    write(finished, "reana.yaml", analysis(step("publish", ENDLESS)))
    finished.start("run", "-w", "test", "-j", "2")
    until(lambda: "publish/0" in records(finished.path / "runs/test.2", "started"))
    finished("stop", "-w", "test")
    write(finished, "reana.yaml", analysis(step("publish", "true")))
    assert restart(finished, "-f", "reana.yaml") == {"publish": "the command changed"}


def test_a_new_run_takes_over_copies(finished: Desk) -> None:
    write(finished, "reana.yaml", analysis(step("publish", "echo more >> fit.txt")))
    ran(finished)
    done = finished("run", "-w", "test", "--reuse", "test.1")
    said(done, "==> test.2 takes over 2 of its 3 jobs from test.1.")
    assert ran(finished) == ["publish"]
    assert finished.read("runs/test.2/workspace/fit.txt") == "3\nmore\n"
    assert finished.read("runs/test.1/workspace/fit.txt") == "3\n"
    again = finished("run", "-w", "other", "--reuse", "test.2")
    said(again, "==> other.1 takes over 3 of its 3 jobs from test.2.")
    assert ran(finished) == []


def test_demanded_outputs_are_not_the_last_steps_own(desk: Desk) -> None:
    steps = [
        step("gen", "mkdir -p results; seq 3 > 'all[1].csv'; cp all* data.txt; touch results/kept"),
        step("fit", "wc -l < data.txt > results/fit.txt"),
    ]
    inputs = {"files": ["names.csv", "a[1].txt", "a1.txt"]}
    outputs = {"directories": ["results"], "files": ["*.csv", "data.txt"]}
    for name in inputs["files"]:
        desk.write(name, name)
    write(desk, "reana.yaml", analysis(inputs=inputs, outputs=outputs) | {"workflow": serial(steps)})
    workspace = desk.run("test", "--strict-outputs") / "workspace"
    steps[1] = step("fit", "wc -c < data.txt > results/fit.txt && : without 'a[1].txt'")
    inputs["files"].remove("a[1].txt")
    write(desk, "reana.yaml", analysis(inputs=inputs, outputs=outputs) | {"workflow": serial(steps)})
    assert restart(desk, "-f", "reana.yaml", "--strict-outputs") == {"fit": "the command changed"}
    names = [str(path.relative_to(workspace)) for path in workspace.rglob("*") if path.is_file()]
    assert sorted(names) == ["a1.txt", "all[1].csv", "data.txt", "names.csv", "results/fit.txt", "results/kept"]
    assert (workspace / "results/fit.txt").read_text() == "6\n"


def test_changes_that_an_interrupted_command_left_are_made_first(finished: Desk) -> None:
    for number, words in enumerate((("restart",), ("run", "--reuse", "test.1"), ("restart", "-f", "reana.yaml"))):
        finished.write("runs/test.1/workspace/stale.txt", "")
        left = changes.write(finished.path / "runs/test.1", ["stale.txt"])
        (left / "input.txt").write_text(f"{number}\n")
        finished(*words, "-w", "test.1" if words[0] == "restart" else "test")
        assert finished.read("runs/test.1/workspace/input.txt") == f"{number}\n"
        workspaces = [path.name for path in (finished.path / "runs").glob("*/workspace/stale.txt")]
        assert workspaces == [], words


def test_a_run_with_a_newer_workspace_is_refused(finished: Desk) -> None:
    restart(finished, "-f", "reana.yaml", "-p", "n=5")
    for words in (("restart",), ("restart", "-f", "reana.yaml"), ("restart", "-n")):
        done = finished(*words, "-w", "test.1", exits=3)
        said(done, "error: test.1.1 has changed the workspace of test.1 since. [run-state]")
    assert planned(finished, "-p", "n=5", "-f", "reana.yaml") == {}


def test_a_run_without_a_path_of_its_analysis(finished: Desk) -> None:
    finished("compile", "-o", "runs/made.1")
    finished("submit", "runs/made.1", exits=3)
    done = finished("restart", "-w", "made.1", "-p", "n=5", "-n", exits=3)
    said(done, "error: made.1 does not say where its analysis is. [unknown-run]", "hint: name it with --file.")
