"""Steps that are made of Yadage's jobs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.yadage import definition
from reana_batch.frontends.yadage.process import Reading
from reana_batch.frontends.yadage.records import WORKSPACE, GroupRecord, JobRecord, StageRecord
from reana_batch.frontends.yadage.steps import steps
from reana_batch.ir import Column, Command, Need, Pattern, RowMapping, Step
from reana_batch.reading.analysis import read_spec

DOCKER = {"environment_type": "docker-encapsulated", "image": "docker.io/library/debian", "imagetag": "12"}

Make = Callable[..., tuple[Step, ...]]


@pytest.fixture
def said() -> Diagnostics:
    return Diagnostics()


@pytest.fixture
def make(tmp_path: Path, said: Diagnostics) -> Make:
    """Return a function that makes steps of records."""

    def made(*stages: StageRecord, jobs: list[JobRecord], groups: tuple[GroupRecord, ...] = ()) -> tuple[Step, ...]:
        written = {"stages": [{"environment": stage.environment, "process": {}} for stage in stages]}
        (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(written))
        analysis = {"inputs": {"files": ["workflow.yaml"]}, "workflow": {"type": "yadage", "file": "workflow.yaml"}}
        (tmp_path / "reana.yaml").write_text(json.dumps(analysis))
        spec = read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, said)
        read = definition.read(spec, tmp_path, said)
        assert read is not None
        return steps(spec, read, Reading(list(stages), jobs, list(groups)), said).steps

    return made


def stage(number: int = 0, *pieces: str, **fields: Any) -> StageRecord:
    """Return a stage whose command has these pieces."""
    standard: dict[str, Any] = {
        "path": ["stages", number],
        "label": f"stage{number}",
        "process": "command",
        "interpreter": "",
        "pieces": list(pieces) or ["true"],
        "names": [f"field{i}" for i in range(len(pieces) - 1)],
        "environment": DOCKER,
        "made": [],
    }
    return StageRecord(**standard | fields)


def job(name: str, number: int = 0, *fields: str, parents: str = "", workdir: str = "") -> JobRecord:
    return JobRecord(number, name, list(fields), workdir, parents.split())


def cells(step: Step) -> list[dict[str, str]]:
    return [dict(zip(step.table.columns, row, strict=True)) for row in step.table]


def texts(step: Step, command: Command | None = None) -> list[str]:
    """Return the text of a command of the step in each row."""
    return [(command or step.action.commands[0]).text(row) for row in cells(step)]


def run(command: str, workspace: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a job does."""
    (workspace / "command").write_text(command.replace(WORKSPACE, str(workspace)))
    words = ["bash", "command"]
    return subprocess.run(words, cwd=workspace, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


# --- the table ------------------------------------------------------------------------------------


def test_columns_have_the_names_of_the_parameters(make: Make) -> None:
    fit = stage(0, "fit -n ", " ", " > ", "\n", names=["n", "data", "out"], label="fit")
    fields = [(str(n), f"{WORKSPACE}/data/{n % 2}", f"{WORKSPACE}/fit_{n}/out") for n in range(3)]
    (step,) = make(fit, jobs=[job(f"fit_{n}", 0, *each) for n, each in enumerate(fields)])
    assert cells(step)[1] == {"n": "1", "data": "data/1", "out": "fit_1/out", "job": "fit_1"}
    assert texts(step)[1].rstrip() == f"fit -n 1 {WORKSPACE}/data/1 > {WORKSPACE}/fit_1/out"
    assert (step.name, step.label, step.action.workspace) == ("fit", "fit", WORKSPACE)


def test_a_name_that_is_used_for_two_texts_gets_a_number(make: Make) -> None:
    fields = stage(0, "", " ", "", names=["n", "n"])
    (step,) = make(fields, jobs=[job("a_0", 0, "1", "01"), job("a_1", 0, "2", "02")])
    assert cells(step)[0] == {"n": "1", "n.2": "01", "job": "a_0"}


def test_a_number_is_not_the_name_of_a_column(make: Make) -> None:
    (step,) = make(stage(0, "", "", names=["0"]), jobs=[job("a_0", 0, "x"), job("a_1", 0, "y")])
    assert len(step.table.columns) == len(set(step.table.columns))
    assert texts(step) == ["x\n", "y\n"]


def test_a_text_that_is_the_same_in_all_rows_is_no_column(make: Make) -> None:
    (step,) = make(stage(0, "use ", "", names=["data"]), jobs=[job("a_0", 0, "x"), job("a_1", 0, "x")])
    assert step.action.commands[0].is_literal


def test_only_texts_that_are_all_in_the_workspace_lose_its_path(make: Make) -> None:
    fields = [f"{WORKSPACE}/a", "root://eos/b"]
    (step,) = make(stage(0, "use ", "", names=["file"]), jobs=[job(f"a_{n}", 0, each) for n, each in enumerate(fields)])
    assert [row["file"] for row in cells(step)] == fields


def test_jobs_of_sub_workflows_are_rows_of_one_step(make: Make) -> None:
    (step,) = make(stage(label="run/fit"), jobs=[job(f"run_{n}/fit", 0) for n in range(11)])
    assert (step.name, step.label, step.table.count) == ("run-fit", "run/fit", 11)
    assert texts(step, step.action.before)[10] == "mkdir -p -- run_10/fit\n"


def test_steps_of_one_label_are_numbered(make: Make) -> None:
    labels = ["a", "a", "b/c", "b-c"]
    made = make(*(stage(n, label=label) for n, label in enumerate(labels)), jobs=[job(f"a_{n}", n) for n in range(4)])
    assert [each.name for each in made] == ["a.1", "a.2", "b-c.1", "b-c.2"]


# --- edges ----------------------------------------------------------------------------------------


def test_rows_wait_for_the_rows_that_they_name(make: Make) -> None:
    jobs = [job(f"a_{n}", 0) for n in range(3)]
    jobs += [job(f"b_{n}", 1, parents=f"a_{n}") for n in range(3)]
    jobs += [job("c", 2, parents="b_0 b_1 b_2"), job("d", 3, parents="a_0 a_2")]
    needs = [each.needs for each in make(stage(0), stage(1), stage(2), stage(3), jobs=jobs)]
    assert needs == [
        (),
        (Need("stage0", Pattern.EACH),),
        (Need("stage1"),),
        (Need("stage0", RowMapping(((0, 2),))),),
    ]


def test_rows_that_wait_for_a_whole_stage_have_one_edge(make: Make) -> None:
    jobs = [job(f"a_{n}", 0) for n in range(3)] + [job(f"b_{n}", 1, parents="all") for n in range(4)]
    group = GroupRecord("all", ["a_0", "a_1", "a_2"])
    assert make(stage(0), stage(1), jobs=jobs, groups=(group,))[1].needs == (Need("stage0"),)


# --- what a job runs ------------------------------------------------------------------------------


def test_a_job_makes_its_work_directory(make: Make, tmp_path: Path) -> None:
    (step,) = make(stage(), jobs=[job("it's a/b c", 0)])
    assert step.action.before is not None
    assert run(step.action.before.text({}), tmp_path).returncode == 0
    assert (tmp_path / "it's a/b c").is_dir()


SCRIPTS = {
    "ends with a line": "cat > told <<'END'\n{x} $HOME `id` \\n\nEND\n",
    "has no end of line": "echo {x} > told",
    "has our end in the middle": "cat > told <<E\nEND\n{x}\nEND_\nE\n",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("interpreter", ["bash", "sh", "bash -e", "env | grep -c . >/dev/null; bash"])
def test_a_script_is_given_to_its_interpreter_unchanged(
    script: str, interpreter: str, make: Make, tmp_path: Path
) -> None:
    first, last = script.split("{x}")
    (step,) = make(
        stage(0, first, last, process="script", interpreter=interpreter), jobs=[job("a_0", 0, "x"), job("a_1", 0, "y")]
    )
    expected = run(script.replace("{x}", "y"), tmp_path)
    told = (tmp_path / "told").read_text()
    (tmp_path / "told").unlink()
    found = run(texts(step)[1], tmp_path)
    assert (found.returncode, found.stderr, (tmp_path / "told").read_text()) == (expected.returncode, "", told)


def test_a_line_of_a_field_does_not_end_the_script(make: Make, tmp_path: Path) -> None:
    script = stage(0, "import sys; print('''", "''', end='')\n", process="script", interpreter="python3")
    (step,) = make(script, jobs=[job("a_0", 0, "x\nEND\n"), job("a_1", 0, "\nEND_\n")])
    assert [run(text, tmp_path).stdout for text in texts(step)] == ["x\nEND\n", "\nEND_\n"]


def test_a_script_that_ends_with_a_field_is_complete(make: Make, tmp_path: Path) -> None:
    (step,) = make(stage(0, "echo ", "", process="script", interpreter="sh"), jobs=[job("a", 0, "$((1 + 1))")])
    assert run(texts(step)[0], tmp_path).stdout == "2\n"


def environment(**fields: Any) -> Mapping[str, Any]:
    return DOCKER | fields


def test_the_environment_is_set_before_the_command(make: Make, tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text('echo "set up $A in $PWD"\n')
    (tmp_path / "here").mkdir()
    asked = environment(envscript=f"{WORKSPACE}/setup.sh", env={"A": "it's $1", "B": 2}, workdir="any")
    command = stage(0, 'echo "$A $B"', environment=asked)
    (step,) = make(command, jobs=[job("a", 0, workdir=f"{WORKSPACE}/here")])
    assert run(texts(step)[0], tmp_path).stdout == f"set up it's $1 in {tmp_path}/here\nit's $1 2\n"


def test_a_missing_envscript_fails_the_job(make: Make, tmp_path: Path) -> None:
    (step,) = make(stage(0, "echo ran", environment=environment(envscript="/missing.sh")), jobs=[job("a", 0)])
    ended = run(texts(step)[0], tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_local_process_runs_in_its_work_directory_without_an_image(make: Make, tmp_path: Path) -> None:
    (tmp_path / "a_1").mkdir()
    local = stage(0, "pwd", environment={"environment_type": "localproc-env"})
    (step,) = make(local, jobs=[job("a_0", 0), job("a_1", 0)])
    assert run(texts(step)[1], tmp_path).stdout == f"{os.path.realpath(tmp_path)}/a_1\n"
    assert step.asked.environment == ""


def test_a_job_of_the_noop_environment_does_nothing(make: Make) -> None:
    (step,) = make(stage(0, "rm -r /", environment={"environment_type": "noop-env"}), jobs=[job("a", 0)])
    assert texts(step) == [":\n"]


def test_files_that_a_result_is_read_from_are_outputs(make: Make) -> None:
    (step,) = make(stage(made=["./out.yaml"]), jobs=[job("a_0", 0), job("a_1", 0)])
    outputs = [[o if isinstance(o, str) else row[o.name] for o in step.outputs] for row in cells(step)]
    assert outputs == [["a_0", "a_0/out.yaml"], ["a_1", "a_1/out.yaml"]]
    assert all(isinstance(each, Column) for each in step.outputs)


# --- what a job asks for --------------------------------------------------------------------------


def test_resources_are_hints(make: Make, said: Diagnostics) -> None:
    listed = [{"kubernetes_memory_limit": "8Gi"}, {"kerberos": True}, {"slurm_time": None}, None, {"slurm_time": "60"}]
    (step,) = make(stage(environment=environment(resources=listed)), jobs=[job("a", 0)])
    assert {name: hint.value for name, hint in step.asked.hints.items()} == {
        "kubernetes_memory_limit": "8Gi", "kerberos": True, "slurm_time": "60",
    }  # fmt: skip  # one line is one environment
    assert step.asked.credentials == {"kerberos"}
    assert not said.errors


def test_resources_of_one_word_have_their_meaning(make: Make, said: Diagnostics) -> None:
    (step,) = make(stage(environment=environment(resources=["CVMFS", "GRIDProxy", "KRB5Auth"])), jobs=[job("a", 0)])
    assert step.asked.credentials == {"kerberos", "voms_proxy"}
    assert step.asked.cvmfs == ("atlas.cern.ch", "atlas-condb.cern.ch", "sft.cern.ch")
    assert list(said) == []


def test_the_image_has_its_tag(make: Make) -> None:
    (step,) = make(stage(), jobs=[job("a", 0)])
    assert step.asked.environment == "docker.io/library/debian:12"


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "tag": ({"image": "a:1", "imagetag": "latest"}, 'REANA adds the tag "latest" of imagetag to the image "a:1"'),
    "digest": ({"image": f"a@sha256:{'0' * 64}"}, "which has one already"),
    "name": ({"image": "A B"}, "An image must not contain spaces"),
    "latest": ({"imagetag": "latest"}, 'The tag "latest" may name another image later.'),
    "amount": ({"resources": [{"kubernetes_memory_limit": "much"}]}, "kubernetes_memory_limit: "),
    "type": ({"resources": [{"slurm_time": 1.5}]}, "slurm_time must be text or a whole number, not 1.5."),
    "switch": ({"resources": [{"kerberos": "yes"}]}, 'kerberos must be true or false, not "yes".'),
    "variable": ({"env": {"a-b": "x"}}, 'A variable of env must have a name of letters, digits and "_", not "a-b".'),
    "list": ({"env": {"a": [1]}}, "The variable a of env must have a text or a number."),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_an_environment_are_found(fault: str, make: Make, said: Diagnostics) -> None:
    fields, message = FAULTS[fault]
    make(stage(environment=environment(**fields)), jobs=[job("a_0", 0), job("a_1", 0)])
    (found,) = said
    assert message in found.message
