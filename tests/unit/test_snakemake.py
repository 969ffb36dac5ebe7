"""The Snakemake front end: Snakefiles, and the workflow that each becomes."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics, Refused, render
from reana_batch.ir import Column, Command, Need, Pattern, Resources, Step, Workflow
from reana_batch.reading.analysis import read_spec

Load = Callable[..., Workflow]


@pytest.fixture
def load(tmp_path: Path, measured: None) -> Load:  # noqa: ARG001  the reader is a process of its own
    """Return a function that loads a Snakefile. Its keywords are parts of reana.yaml."""

    def loaded(
        snakefile: str, *, strict: bool = False, results: dict[str, Any] | None = None, **parts: Any
    ) -> Workflow:
        workflow = {"type": "snakemake", "file": "Snakefile", **parts.pop("workflow", {})}
        (tmp_path / "reana.yaml").write_text(json.dumps({"workflow": workflow, **parts}))
        (tmp_path / "Snakefile").write_text(snakefile)
        diagnostics = Diagnostics()
        spec = read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, diagnostics, strict=strict)
        found = frontends.load(spec, diagnostics, results)
        assert not diagnostics.errors, render(diagnostics, diagnostics.sources)
        assert found is not None
        return found

    return loaded


# Stand-ins for the process that reads: one is killed, as for memory, and one dies before it reads.
DYING = {
    "killed": ("""printf '%s' '["rule", ["a", '; kill -9 $$""", "exit code -9 while reading (it printed nothing)."),
    "no import": ("exec <&-; echo ImportError: no >&2; exit 1", "exit code 1 while reading (ImportError: no)."),
}


@pytest.mark.parametrize("death", DYING)
def test_a_reader_that_dies_is_a_fault_of_the_snakefile(
    death: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, told = DYING[death]
    reader = tmp_path / "python"
    reader.write_text(f"#!/bin/sh\n{script}\n")
    reader.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(reader))
    much = {"a": "a" * 1_000_000}
    analysis = {"inputs": {"parameters": much}, "workflow": {"type": "snakemake", "file": "Snakefile"}}
    (tmp_path / "reana.yaml").write_text(json.dumps(analysis))
    (tmp_path / "Snakefile").touch()
    diagnostics = Diagnostics()
    with pytest.raises(Refused):
        frontends.load(read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, diagnostics), diagnostics)
    [fault] = diagnostics.errors
    assert (fault.code, fault.message) == ("snakefile", f"Snakemake ended with {told}")


@pytest.mark.parametrize("version", ["9.21.1", "10.0.0"])
def test_another_version_of_snakemake_is_refused(load: Load, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: version)
    with pytest.raises(Refused) as refused:
        load("rule a:\n    shell: 'true'\n")
    (fault,) = refused.value.diagnostics.errors
    assert (fault.code, version in fault.message) == ("missing-tool", True)


def test_a_python_without_snakemake_is_told_what_to_install(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    with pytest.raises(Refused) as refused:
        load("rule a:\n    shell: 'true'\n")
    (fault,) = refused.value.diagnostics.errors
    assert fault.message == "Snakemake is not installed."
    assert "pip install" in str(fault.hint)


def text(command: Command | None) -> str:
    assert command is not None
    return command.text({part.name: f"<{part.name}>" for part in command.parts if isinstance(part, Column)})


PIPELINE = """
rule all:
    input: "all.txt"
rule one:
    output: "one/{s}.txt"
    shell: "echo {wildcards.s} > {output}"
rule two:
    input: "one/{s}.txt"
    output: "two/{s}.txt"
    log: "logs/{s}.log"
    shell: "cp {input} {output} 2> {log}"
rule merge:
    input: expand("two/{s}.txt", s=config["samples"])
    output: "all.txt"
    shell: "cat {input} > {output}"
"""


def test_a_rule_is_a_step_and_a_job_a_row(load: Load) -> None:
    workflow = load(PIPELINE, inputs={"parameters": {"samples": ["b", "a10", "a9"]}})
    one, two, merge = workflow.steps
    assert [(s.name, s.table.count, s.origin.line) for s in workflow.steps] == [
        ("one", 3, 4), ("two", 3, 7), ("merge", 1, 12),
    ]  # fmt: skip  # one line is one workflow
    assert two.needs == (Need("one", Pattern.EACH),)
    assert merge.needs == (Need("two", Pattern.ALL),)
    assert text(one.action.commands[0]) == "echo <s> > one/<s>.txt"
    assert text(merge.action.commands[0]) == "cat two/b.txt two/a10.txt two/a9.txt > all.txt"
    assert [row[one.table.columns.index("s")] for row in one.table] == ["a9", "a10", "b"]
    assert merge.outputs == ("all.txt",)
    assert one.outputs == (Column("1"),)
    assert workflow.input_files == ("Snakefile",)


def test_the_command_is_the_users_and_strict_is_snakemakes(load: Load) -> None:
    snakefile = 'rule a:\n    output: "a"\n    shell: "false | touch {output}"\n'
    assert text(load(snakefile).steps[0].action.commands[0]) == "false | touch a"
    assert text(load(snakefile, strict=True).steps[0].action.commands[0]) == "set -euo pipefail; false | touch a"


def test_local_rules_run_as_in_the_engine(load: Load) -> None:
    snakefile = 'localrules: a\nrule a:\n    output: "a"\n    container: "docker://debian:12"\n    shell: "touch a"\n'
    (step,) = load(snakefile).steps
    assert step.asked.environment == ""
    assert text(step.action.commands[0]) == "set -euo pipefail; touch a"


def test_what_a_rule_asks_for(load: Load) -> None:
    snakefile = """
rule a:
    output: "a"
    threads: 4
    retries: 2
    container: "docker://docker.io/library/debian:12"
    resources:
        mem_mb=lambda wildcards, attempt: 100 * attempt, disk_mb=5, runtime="2h", slurm_time="5", kerberos=True
    shell: "touch a"
"""
    (step,) = load(snakefile).steps
    assert step.asked.resources == Resources(cpus=4, memory=300 * 10**6, disk=5 * 10**6, runtime=7200)
    assert step.asked.retries == 2
    assert {name: hint.value for name, hint in step.asked.hints.items()} == {"slurm_time": "5", "kerberos": True}
    assert step.asked.credentials == {"kerberos"}
    assert step.asked.environment == "docker.io/library/debian:12"


def test_kerberos_of_the_workflow(load: Load) -> None:
    snakefile = 'rule a:\n    output: "a"\n    shell: "touch a"\n'
    (step,) = load(snakefile, workflow={"resources": {"kerberos": True}}).steps
    assert step.asked.credentials == {"kerberos"}


@pytest.mark.parametrize("count", [20, 40])
def test_rows_that_ask_for_different_things(load: Load, count: int) -> None:
    snakefile = f"""
rule all:
    input: expand("{{i}}.txt", i=range({count}))
rule a:
    output: "{{i}}.txt"
    resources: mem_mb=lambda wildcards: 200_000 if wildcards.i == "7" else 100 + int(wildcards.i)
    shell: "echo {{resources.mem_mb}} > {{output}}"
"""
    asked = {}
    steps = load(snakefile).steps
    for step in steps:
        outputs = step.table.columns.index(step.outputs[0].name) if isinstance(step.outputs[0], Column) else None
        for row in step.table:
            path = step.outputs[0] if outputs is None else row[outputs]
            asked[int(str(path).removesuffix(".txt"))] = (step.asked.resources.memory or 0) / 10**6
    wanted = {i: 200_000 if i == 7 else 100 + i for i in range(count)}
    assert len(steps) <= 20
    if count == 20:
        assert asked == wanted
    else:
        assert asked.keys() == wanted.keys()
        assert all(wanted[i] <= asked[i] <= 1.25 * wanted[i] for i in wanted)


def test_commands_have_the_names_of_their_module(load: Load, tmp_path: Path) -> None:
    (tmp_path / "sub.smk").write_text(
        'rule select:\n    output: "s.txt"\n    params: config["s"]\n    shell: "echo {params} {config[s]} {name} {rule}"\n'
        'name = "inner"\n'
    )
    module = 'module {m}:\n    snakefile: "sub.smk"\n    config: {{"s": "{m}"}}\n    prefix: "{m}"\nuse rule * from {m} as {m}_*\n'
    snakefile = (
        'name = "outer"\nrulename = "mine"\n'
        + module.format(m="a")
        + module.format(m="b")
        + 'rule all:\n    input: "a/s.txt", "b/s.txt", "c.txt"\n    default_target: True\n'
        + 'rule c:\n    output: "c.txt"\n    shell: "echo {name} {rulename} {rule} {{braces}}"\n'
    )
    for strict in (False, True):
        workflow = load(snakefile, strict=strict, inputs={"files": ["sub.smk"]})
        commands = {text(step.action.commands[0]).removeprefix("set -euo pipefail; ") for step in workflow.steps}
        assert commands == {"echo a a inner a_select", "echo b b inner b_select", "echo outer mine c {braces}"}


# Functions of a param. Each of them gives another value once the file "made" exists.
LATE_PARAMS = {
    "reads": "lambda wildcards, input: open(input[0]).read()",
    "asks first": "lambda wildcards, input: open(input[0]).read() if os.path.exists(input[0]) else 'none'",
    "catches": "caught",
    "pathlib": "lambda wildcards, input: Path(input[0]).is_file()",
    "lists": "lambda wildcards, input: os.listdir('folder') if os.path.isdir('folder') else []",
    "globs": "lambda wildcards: glob.glob('folder/*')",
    "in a directory": "lambda wildcards: os.path.exists('made.d/a')",
    "program": "lambda wildcards, input: subprocess.run(['cat', input[0]], capture_output=True, text=True).stdout",
    "of a resource": "lambda wildcards, resources: 2 * resources.lines",
    "nested": "lambda wildcards, input: {'a': [open(input[0]).read()]}",
    "formatted": "lambda wildcards, resources: f'n={resources.lines}'",
    "any argument": "lambda wildcards, **others: len(open(others['input'][0]).read())",
    "branch": "branch(lambda wildcards: exists('made'), then='there', otherwise='missing')",
    "parse_input": "parse_input('made', parser=None)",
}


@pytest.mark.parametrize("kind", LATE_PARAMS)
def test_a_command_with_what_only_the_run_knows_is_run_by_snakemake(load: Load, kind: str) -> None:
    snakefile = f"""
import glob, os, subprocess
from pathlib import Path
def caught(wildcards, input):
    try:
        return open(input[0]).read()
    except OSError:
        return "none"
rule use:
    input: "made", "folder/a", "made.d"
    output: "used"
    params: v={LATE_PARAMS[kind]}
    resources: lines=lambda wildcards, input: len(open(input[0]).readlines())
    shell: "echo {{params.v}} > {{output}}"
rule make:
    output: "made", "folder/a", directory("made.d")
    shell: "touch {{output}}"
"""
    make, use = load(snakefile).steps
    assert not make.action.uses_python
    assert use.action.uses_python
    assert "--target-jobs use:" in text(use.action.commands[0])


def test_what_is_known_or_not_used_needs_no_snakemake(load: Load, tmp_path: Path) -> None:
    (tmp_path / "cut.txt").write_text("5")
    snakefile = """
import os
rule use:
    input: "made", cut="cut.txt"
    output: "out/used"
    params:
        cut=lambda wildcards, input: open(input.cut).read(), folder=lambda wildcards, output: os.path.dirname(output[0]),
        old=lambda wildcards, output: os.path.exists(output[0]), norm=lambda wildcards, input: open(input[0]).read()
    shell: "echo {params.cut} {params.folder} {params.old} '<TBD>'"
rule make:
    output: "made"
    shell: "touch {output}"
"""
    _, use = load(snakefile, inputs={"files": ["cut.txt"]}).steps
    assert text(use.action.commands[0]) == "echo 5 out False '<TBD>'"


LATE_RESOURCES = {
    "threads": "threads: lambda wildcards, input: int(open(input[0]).read())",
    "memory": "resources: mem_mb=lambda wildcards, input: 100 + int(input.size_mb)",
    "guarded": "resources: mem_mb=lambda wildcards, input: 7 if os.path.exists(input[0]) else 100",
    "a hint": "resources: slurm_time=lambda wildcards, input: open(input[0]).read().strip()",
    "of threads": "threads: lambda wildcards, input: int(open(input[0]).read())\n    resources: mem_mb=lambda wildcards, threads: threads",
    "with an image": 'container: "debian:12"\n    params: v=lambda wildcards, input: open(input[0]).read()',
}


@pytest.mark.parametrize("kind", LATE_RESOURCES)
def test_what_the_batch_system_must_know_is_an_expansion(load: Load, tmp_path: Path, kind: str) -> None:
    snakefile = f"""
import os
rule use:
    input: "made"
    output: "used"
    {LATE_RESOURCES[kind]}
    shell: "echo {{params}} {{resources}} {{threads}} > {{output}}"
rule make:
    output: "made"
    shell: "echo 4 > {{output}}"
"""
    workflow = load(snakefile)
    assert [step.name for step in workflow.steps] == ["make"]
    (expansion,) = workflow.expansions
    assert (expansion.name, expansion.label, expansion.origin.line) == ("use.rest", "use", 3)
    assert expansion.reason == "what the functions of use read"
    (tmp_path / "made").write_text("4\n")
    state = {"config": {}, "temporary": [], "past": [["make?"], [], []]}
    workflow = load(snakefile, results={"state": state, "workspace": str(tmp_path), "expansion": "use.rest"})
    (use,) = workflow.steps
    assert workflow.expansions == ()
    assert not use.action.uses_python
    asked = {
        "threads": (4, None),
        "memory": (None, 100 * 10**6),
        "guarded": (None, 7 * 10**6),
        "of threads": (4, 4 * 10**6),
    }
    assert (use.asked.resources.cpus, use.asked.resources.memory) == asked.get(kind, (None, None))
    assert [hint.value for hint in use.asked.hints.values()] == (["4"] if kind == "a hint" else [])


LATE_GROUP = """
rule use:
    input: "made"
    output: "used"
    group: "both"
    resources: mem_mb=lambda wildcards, input: 2 * input.size_mb
    shell: "cp {input} {output}"
rule make:
    output: "made"
    group: "both"
    shell: "echo 4 > {output}"
"""


def test_a_declared_maximum_takes_the_place_of_what_only_the_run_knows(load: Load, tmp_path: Path) -> None:
    profile = tmp_path / "profiles/default/config.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("set-resources: {use: {mem_mb: 3000}}\n")
    workflow = load(LATE_GROUP, inputs={"directories": ["profiles"]})
    (group,) = workflow.steps
    assert workflow.expansions == ()
    assert group.asked.resources.memory == 3000 * 10**6


def test_what_a_rule_asks_of_slurm(load: Load) -> None:
    snakefile = """
rule all:
    input: expand("{i}.txt", i=range(45))
rule a:
    output: "{i}.txt"
    resources:
        slurm_account=lambda wildcards: f"group{int(wildcards.i) % 2}",
        nodes=lambda wildcards: 1 + int(wildcards.i) % 3,
        mem_mb=lambda wildcards: 100 + 10 * int(wildcards.i),
        constraint="a&b", gpu=0, tasks=1
    shell: "touch {output}"
"""
    asked = {}
    for step in load(snakefile).steps:
        assert {"constraint", "slurm_account"} <= step.asked.hints.keys() <= {"constraint", "slurm_account", "nodes"}
        nodes = step.asked.hints["nodes"].value if "nodes" in step.asked.hints else 1
        (output,) = step.outputs
        for row in step.table:
            path = row[step.table.columns.index(output.name)] if isinstance(output, Column) else output
            asked[int(path.removesuffix(".txt"))] = (step.asked.hints["slurm_account"].value, nodes)
    assert asked == {i: (f"group{i % 2}", 1 + i % 3) for i in range(45)}


def test_each_attempt_has_its_own_command(load: Load) -> None:
    snakefile = """
rule a:
    output: "a"
    retries: 2
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    shell: "echo 'x' {resources.mem_mb}"
"""
    (step,) = load(snakefile).steps
    assert text(step.action.commands[0]) == (
        "case $REANA_BATCH_ATTEMPT in\n1) eval 'echo '\"'\"'x'\"'\"' 100' ;;\n"
        "2) eval 'echo '\"'\"'x'\"'\"' 200' ;;\n*) eval 'echo '\"'\"'x'\"'\"' 300' ;;\nesac\n"
    )


@pytest.mark.parametrize(
    "action",
    ['run:\n        open(output[0], "w")', 'script: "a.py"', 'notebook: "a.ipynb"', 'wrapper: "v1/bio/x"'],
)
def test_what_is_more_than_bash_is_run_by_snakemake(load: Load, tmp_path: Path, action: str) -> None:
    (tmp_path / "a.py").touch()
    (tmp_path / "a.ipynb").write_text(
        '{"cells": [], "metadata": {"language_info": {"name": "python", "version": "3.11"}}, "nbformat": 4, "nbformat_minor": 5}'
    )
    snakefile = f'rule a:\n    output: "a"\n    container: "debian:12"\n    {action}\n'
    (step,) = load(snakefile, inputs={"files": ["a.py", "a.ipynb"]}).steps
    assert step.action.uses_python
    assert step.asked.environment == ""
    assert "--target-jobs a: --allowed-rules a" in text(step.action.commands[0])


def test_a_group_is_one_job(load: Load) -> None:
    snakefile = """
rule b:
    input: "a"
    output: "b"
    group: "both"
    shell: "cp {input} {output}"
rule a:
    input: "p"
    output: "a"
    group: "both"
    shell: "cp {input} {output}"
rule p:
    output: pipe("p")
    group: "both"
    shell: "echo > {output}"
"""
    (step,) = load(snakefile).steps
    assert (step.name, step.outputs) == ("both", ("b", "a"))


def test_outputs_are_touched_and_protected(load: Load) -> None:
    (step,) = load('rule a:\n    output: touch("x/a"), protected("b")\n    shell: "touch b"\n').steps
    assert "touch -- x/a" in text(step.action.after)
    assert "chmod -R a-w -- b" in text(step.action.after)
    assert "mkdir -p" in text(step.action.before)


def test_a_rule_that_only_touches(load: Load) -> None:
    (step,) = load('rule a:\n    output: touch("a")\n').steps
    assert step.action.commands == ()
    assert "touch -- a" in text(step.action.after)


def test_names_of_steps_of_one_rule(load: Load) -> None:
    snakefile = """
rule all:
    input: "3.txt"
def before(wildcards):
    return [f"{int(wildcards.i) - 1}.txt"] if wildcards.i != "1" else []
rule a:
    input: before
    output: "{i}.txt"
    shell: "touch {output}"
"""
    assert [(s.name, s.label) for s in load(snakefile).steps] == [("a.1", "a"), ("a.2", "a"), ("a.3", "a")]


CHECKPOINT = """
rule all:
    input: "sum"
rule before:
    output: "before"
    shell: "touch {output}"
checkpoint split:
    input: "before"
    output: directory("parts")
    shell: "mkdir parts; touch parts/1 parts/2"
rule part:
    input: "parts/{i}"
    output: "done/{i}"
    shell: "cp {input} {output}"
def parts(wildcards):
    folder = checkpoints.split.get().output[0]
    return expand("done/{i}", i=glob_wildcards(folder + "/{i,[0-9]+}").i)
rule sum:
    input: parts
    output: "sum"
    shell: "cat {input} > {output}"
"""


def test_what_is_behind_a_checkpoint_is_an_expansion(load: Load) -> None:
    workflow = load(CHECKPOINT, inputs={"parameters": {"n": 1}})
    assert [step.name for step in workflow.steps] == ["before", "split"]
    (expansion,) = workflow.expansions
    assert (expansion.name, expansion.label, expansion.origin.line) == ("split.rest", "split", 7)
    assert expansion.needs == ("before", "split")
    past = [["before?", "split?"], [], []]
    assert json.loads(json.dumps(expansion.state)) == {"config": {"n": 1}, "temporary": [], "past": past}


def test_what_an_expansion_becomes(load: Load, tmp_path: Path) -> None:
    for path in ("before", "parts/1", "parts/2"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    past = [["before?", "split?"], [], []]
    state = {"config": {}, "temporary": [], "past": past}
    workflow = load(CHECKPOINT, results={"state": state, "workspace": str(tmp_path), "expansion": "split.rest"})
    assert [(step.name, step.table.count) for step in workflow.steps] == [("part", 2), ("sum", 1)]
    assert workflow.expansions == ()


def test_an_expansion_names_the_credentials_of_rules_that_have_not_run_yet(load: Load) -> None:
    asking = 'output: "done/{i}"\n    resources: kerberos=True, rucio=False, mem_mb=lambda wildcards: 1'
    (expansion,) = load(CHECKPOINT.replace('output: "done/{i}"', asking)).expansions
    assert expansion.credentials == {"kerberos"}


def test_an_expansion_has_the_credential_that_the_workflow_names_for_all_steps(load: Load) -> None:
    [expansion] = load(CHECKPOINT, workflow={"resources": {"kerberos": True}}).expansions
    assert expansion.credentials == {"kerberos"}


def test_a_target_that_waits_for_a_checkpoint(load: Load) -> None:
    snakefile = CHECKPOINT.replace('input: "sum"', "input: lambda wildcards: checkpoints.split.get().output[0]")
    assert len(load(snakefile).expansions) == 1


def test_temporary_files_are_taken_away_by_snakemakes_way_only(load: Load) -> None:
    snakefile = """
rule b:
    input: "a"
    output: "b"
    shell: "cp {input} {output}"
rule a:
    output: temp("a")
    shell: "touch {output}"
"""
    assert [step.name for step in load(snakefile).steps] == ["a", "b"]
    *_, last = load(snakefile, strict=True).steps
    assert text(last.action.commands[0]) == "rm -rf -- a || exit\n"
    assert last.needs == (Need("b"),)


def test_report_is_the_last_step(load: Load) -> None:
    snakefile = 'rule a:\n    output: "a"\n    shell: "touch a"\n'
    _, report = load(snakefile, inputs={"options": {"report": "r.html"}}).steps
    assert report.needs == (Need("a"),)
    assert report.outputs == ("r.html",)


def test_parameters_of_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: [x, 2]\n")
    snakefile = 'rule a:\n    output: "a"\n    params: config["name"][1]\n    shell: "echo {params}"\n'
    for parts in (
        {"inputs": {"parameters": {"input": "config.yaml"}}},
        {"workflow": {"parameters": {"file": "config.yaml"}}},
    ):
        assert text(load(snakefile, **parts).steps[0].action.commands[0]) == "echo 2"


def test_nothing_is_left_in_the_analysis(load: Load, tmp_path: Path) -> None:
    load('print("noise")\nrule a:\n    output: "a"\n    shell: "touch a"\n')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Snakefile", "reana.yaml"]


def test_snakefiles_prints_are_not_ours(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    load('import os\nprint("noise")\nos.system("echo more")\nrule a:\n    output: "a"\n    shell: "touch a"\n')
    assert capfd.readouterr() == ("", "")


def test_the_place_of_reading_is_in_no_command(load: Load) -> None:
    snakefile = 'rule a:\n    output: "a"\n    params: workflow.basedir\n    shell: "cat {params}/x {params} > a"\n'
    (step,) = load(snakefile).steps
    assert text(step.action.commands[0]) == "cat x . > a"


def test_same_bytes_each_time(load: Load) -> None:
    def shown(step: Step) -> Any:
        return (step.name, step.action.commands, step.outputs, list(step.table), step.action.before)

    first, second = (load(PIPELINE, inputs={"parameters": {"samples": list("edcba")}}) for _ in range(2))
    assert [shown(step) for step in first.steps] == [shown(step) for step in second.steps]
