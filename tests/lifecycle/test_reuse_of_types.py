"""Reuse in workflows of all types: what only the run can know, and what servers have run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Desk, records, until
from .test_reuse import planned, ran

SNAKEMAKE = """\
SAMPLES = {samples}
rule all:
    input: "all.txt"
rule fit:
    input: "data/{{s}}.txt"
    output: "fits/{{s}}.txt"
    shell: "mkdir -p fits; cp {{input}} {{output}}; echo fit >> ../../ran.txt"
checkpoint split:
    input: "fits/a.txt"
    output: directory("parts")
    shell: "mkdir -p parts; echo 1 > parts/1; echo split >> ../../ran.txt"
rule part:
    input: "parts/{{n}}"
    output: "done/{{n}}"
    shell: "mkdir -p done; cp {{input}} {{output}}; echo part >> ../../ran.txt"
def parts(wildcards):
    folder = checkpoints.split.get().output[0]
    return expand("done/{{n}}", n=glob_wildcards(folder + "/{{n}}").n)
rule merge:
    input: expand("fits/{{s}}.txt", s=SAMPLES), parts
    output: "all.txt"
    shell: "cat {{input}} > {{output}}; echo merge >> ../../ran.txt"
"""


def write_snakemake(desk: Desk, *samples: str) -> None:
    for name in samples:
        if not (desk.path / f"data/{name}.txt").exists():  # otherwise it would be newer
            desk.write(f"data/{name}.txt", name)
    desk.write("Snakefile", SNAKEMAKE.format(samples=list(samples)))
    files = ["Snakefile", *(f"data/{name}.txt" for name in samples)]
    content = {"inputs": {"files": files}, "workflow": {"type": "snakemake", "file": "Snakefile"}}
    desk.write("reana.yaml", json.dumps(content))


def test_snakemake(desk: Desk) -> None:
    write_snakemake(desk, "a", "b")
    run = desk.run()
    assert sorted(ran(desk)) == ["fit", "fit", "merge", "part", "split"]
    (run / "workspace/done/1").unlink()
    assert planned(desk, "-f", "reana.yaml") == {
        "split.rest/part": "its output done/1 is gone",
        "split.rest/merge": "waits for part",
    }
    desk("restart", "-w", "test", "-f", "reana.yaml")
    assert ran(desk) == ["part", "merge"]
    write_snakemake(desk, "a", "b", "c")
    plan = planned(desk, "-f", "reana.yaml")
    assert plan == {"fit": "new", "split.rest": "what it is compiled from has changed"}
    desk("restart", "-w", "test", "-f", "reana.yaml")
    assert ran(desk) == ["fit", "part", "merge"]
    assert desk.read("runs/test.1/workspace/all.txt") == "abc1\n"


BY_SNAKEMAKE = """\
rule all:
    input: "table.txt", "count.txt"
rule table:
    output: "table.txt"
    script: "table.py"
rule count:
    input: "numbers.txt"
    output: "count.txt"
    shell: "wc -l < numbers.txt > count.txt"
"""


def test_an_input_concerns_each_rule_that_snakemake_runs_itself(desk: Desk) -> None:
    desk.write("Snakefile", BY_SNAKEMAKE)
    desk.write("table.py", "open(snakemake.output[0], 'w').write(open(f'{\"numbers\"}.txt').read())")
    desk.write("numbers.txt", "1\n")
    files = ["Snakefile", "table.py", "numbers.txt"]
    desk.write(
        "reana.yaml", json.dumps({"inputs": {"files": files}, "workflow": {"type": "snakemake", "file": "Snakefile"}})
    )
    desk.run()
    desk.write("numbers.txt", "12\n")
    reason = "input numbers.txt changed"
    assert planned(desk, "-f", "reana.yaml") == {"table": reason, "count": reason}


YADAGE = """\
stages:
  - name: count
    dependencies: [init]
    scheduler:
      scheduler_type: multistep-stage
      parameters: {number: {step: init, output: numbers}, made: '{workdir}/made.txt'}
      scatter: {method: zip, parameters: [number]}
      step: &write
        process: {process_type: string-interpolated-cmd, cmd: 'cp {number} {made} && echo count >> ../../ran.txt'}
        environment: {environment_type: docker-encapsulated, image: debian, imagetag: '12'}
        publisher: {publisher_type: frompar-pub, outputmap: {made: made}}
  - name: sum
    dependencies: [count]
    scheduler:
      scheduler_type: singlestep-stage
      parameters: {numbers: {stages: count, output: made}, made: '{workdir}/made.txt'}
      step:
        process: {process_type: string-interpolated-cmd, cmd: 'cat {numbers} > {made} && echo sum >> ../../ran.txt'}
        environment: {environment_type: docker-encapsulated, image: debian, imagetag: '12'}
        publisher: {publisher_type: frompar-pub, outputmap: {made: made}}
"""


def test_yadage(desk: Desk) -> None:
    desk.write("flow.yml", YADAGE)
    for name in ("1", "2", "3"):
        desk.write(f"data/{name}", name)
    inputs = {"files": ["flow.yml"], "directories": ["data"], "parameters": {"numbers": ["data/1", "data/2"]}}
    content = {"inputs": inputs, "workflow": {"type": "yadage", "file": "flow.yml"}}
    desk.write("reana.yaml", json.dumps(content))
    desk.run()
    assert sorted(ran(desk)) == ["count", "count", "sum"]
    inputs["parameters"] = {"numbers": ["data/1", "data/2", "data/3"]}
    desk.write("reana.yaml", json.dumps(content))
    assert planned(desk, "-f", "reana.yaml") == {"count": "new", "sum": "the command changed"}
    desk("restart", "-w", "test", "-f", "reana.yaml")
    assert ran(desk) == ["count", "sum"]
    desk.write("data/3", "4")
    desk.write("flow.yml", YADAGE.replace("cat {numbers}", "cat  {numbers}"))
    plan = planned(desk, "-f", "reana.yaml")
    assert plan == {"count": "input data/3 changed", "sum": "the command changed"}


CWL = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {words: 'string[]', text: File}
outputs: {all: {type: File, outputSource: join/joined}, count: {type: File, outputSource: count/counted}}
steps:
  say:
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {word: {type: string, inputBinding: {}}}
      stdout: $(inputs.word).txt
      outputs: {said: stdout}
    scatter: word
    in: {word: words}
    out: [said]
  count:
    run:
      class: CommandLineTool
      baseCommand: [wc, -l]
      inputs: {text: {type: File, inputBinding: {}}}
      stdout: count.txt
      outputs: {counted: stdout}
    in: {text: text}
    out: [counted]
  join:
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {texts: {type: 'File[]', inputBinding: {}}}
      stdout: joined.txt
      outputs: {joined: stdout}
    in: {texts: say/said}
    out: [joined]
"""


@pytest.mark.parametrize("evaluate", ["1", "0"], ids=["bash", "server"])
def test_cwl(desk: Desk, evaluate: str) -> None:
    desk.write("flow.cwl", CWL)
    desk.write("text.txt", "1\n")
    inputs: dict[str, Any] = {
        "files": ["text.txt"],
        "parameters": {"words": ["a", "b"], "text": {"class": "File", "path": "text.txt"}},
    }
    content = {"inputs": inputs, "workflow": {"type": "cwl", "file": "flow.cwl"}}
    desk.write("reana.yaml", json.dumps(content))
    by = {"REANA_BATCH_CWL_EVALUATE": evaluate}
    desk("run", "-w", "test", env=by)
    inputs["parameters"] = inputs["parameters"] | {"words": ["a", "b", "c"]}
    desk.write("reana.yaml", json.dumps(content))
    desk("restart", "-w", "test", "-f", "reana.yaml", env=by)
    run = desk.path / "runs/test.1.1"
    assert records(run, "started") == ["join/0", "outputs.json/0", "say/2"]
    assert (run / "workspace/outputs/joined.txt").read_text() == "a\nb\nc\n"
    desk.write("text.txt", "1\n2\n")
    desk("restart", "-w", "test", "-f", "reana.yaml", env=by)
    run = desk.path / "runs/test.1.2"
    assert records(run, "started") == ["count/0", "outputs.json/0"]
    assert (run / "workspace/outputs/count.txt").read_text().startswith("2")


# Two jobs each. The second one runs COMMAND.
PAIRS = {
    "snakemake": """\
rule second:
    input: "a.txt"
    output: "b.txt"
    shell: "COMMAND && cp a.txt b.txt"
rule first:
    output: "a.txt"
    shell: "echo 1 > a.txt"
""",
    "yadage": """\
stages:
  - name: first
    dependencies: []
    scheduler: &once
      scheduler_type: singlestep-stage
      parameters: {made: '{workdir}/a.txt'}
      step: &step
        process: {process_type: string-interpolated-cmd, cmd: 'echo 1 > {made}'}
        environment: {environment_type: docker-encapsulated, image: debian, imagetag: '12'}
        publisher: {publisher_type: frompar-pub, outputmap: {made: made}}
  - name: second
    dependencies: [first]
    scheduler:
      <<: *once
      step: {<<: *step, process: {process_type: string-interpolated-cmd, cmd: 'COMMAND && echo 2 > {made}'}}
""",
}


def write_pair(desk: Desk, kind: str, command: str) -> None:
    desk.write("flow", PAIRS[kind].replace("COMMAND", command))
    desk.write("reana.yaml", json.dumps({"inputs": {"files": ["flow"]}, "workflow": {"type": kind, "file": "flow"}}))


@pytest.mark.parametrize(("kind", "ended"), [("snakemake", "stopped"), ("yadage", "failed")])
def test_a_run_that_ended_before_its_last_job_goes_on_with_another_analysis(desk: Desk, kind: str, ended: str) -> None:
    write_pair(desk, kind, {"failed": "false", "stopped": "sleep 99"}[ended])
    if ended == "failed":
        desk.run(exits=1)
    else:
        desk.start("run", "-w", "test", "-j", "2")
        until(lambda: "second/0" in records(desk.path / "runs/test.1", "started"))
        desk("stop", "-w", "test")
    write_pair(desk, kind, "true")
    desk("restart", "-w", "test", "-f", "reana.yaml")
    assert desk.state("test.1.1") == "finished"
    assert records(desk.path / "runs/test.1.1", "started") == ["second/0"]
