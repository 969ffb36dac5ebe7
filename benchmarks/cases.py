"""The measured cases: workflows of every size, with the limits of their figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

# The measuring process imports this module and stays small. Only the child processes import the compiler.
if TYPE_CHECKING:
    from reana_batch.ir import Workflow

BACKENDS = ("make", "htcondor", "slurm")
IMAGE = "docker.io/library/python:3.11"
LINES_PER_STEP = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A workflow of one size. ``kind`` is a key of WORKFLOWS, or ``serial`` for a real reana.yaml."""

    kind: str
    size: int
    most_seconds: float | None = None
    most_mebibytes: float | None = None

    @property
    def title(self) -> str:
        return f"{self.kind} {self.size:,}"


CASES = (
    Case("scatter", 1_000),
    Case("scatter", 10_000),
    Case("scatter", 100_000, most_seconds=5, most_mebibytes=200),
    Case("scatter", 1_000_000, most_seconds=50, most_mebibytes=200),
    Case("stages", 100_000),
    Case("serial", 1_000),
    Case("serial", 10_000, most_seconds=10),
    Case("chain", 100_000),
)
# Jobs of a Snakemake workflow. The peer is Snakemake's dry run, and the second figure limits the ratio to it.
SNAKEMAKE_JOBS = (1_000, 10_000, 50_000)
MOST_OF_A_DRY_RUN = 1.5
# Jobs of a Yadage workflow, and the data model of the peer, Yadage's own expansion of it. Its usual model, typedleafs,
# would take half an hour for the larger one. The second figure limits the ratio.
YADAGE_JOBS = {1_000: "typedleafs", 10_000: "purejson"}
MOST_OF_AN_EXPANSION = 0.1
# Jobs of a CWL workflow, and the most CPU seconds. The peer is cwltool's own walk, which runs no job.
CWL_JOBS = {1_000: None, 10_000: 5.0}
SPEC_STEPS = 4_000  # of LINES_PER_STEP lines each
MOST_LOAD_SECONDS = 1.0
MOST_HELP_SECONDS = 0.15
# Limit of the peak memory of a million rows above that of a thousand. Their table alone has 30 MB.
MOST_GROWTH_MEBIBYTES = 8.0


def spec_text(steps: int) -> str:
    """Return a serial reana.yaml with this many steps of one command."""
    head = "version: 0.9.4\ninputs:\n  parameters:\n    events: 1000\nworkflow:\n  type: serial\n"
    step = (
        f"      - name: fit-{{0}}\n        environment: {IMAGE}\n        kubernetes_memory_limit: 8Gi\n        commands:\n"
        "          - python fit.py --seed {0} --events ${{events}} > results/{0}.txt\n"
    )
    return f"{head}  specification:\n    steps:\n" + "".join(step.format(number) for number in range(steps))


def snakefile(jobs: int) -> str:
    """Return a Snakefile with this many jobs: samples that pass two rules, and one job that merges them."""
    return f"""
rule all:
    input: "sum.txt"
rule one:
    output: "one/{{i}}.txt"
    shell: "echo {{wildcards.i}} > {{output}}"
rule two:
    input: "one/{{i}}.txt"
    output: "two/{{i}}.txt"
    shell: "cp {{input}} {{output}}"
rule merge:
    input: expand("two/{{i}}.txt", i=range({jobs // 2}))
    output: "sum.txt"
    shell: "cat two/*.txt > {{output}}"
"""


def yadage() -> str:
    """Return a Yadage workflow with a job for each of the seeds, and one that merges what they made."""
    environment = {"environment_type": "docker-encapsulated", "image": "docker.io/library/debian", "imagetag": "12"}

    def stage(name: str, dependency: str, scheduler: dict[str, Any], command: str) -> dict[str, Any]:
        process = {"process_type": "string-interpolated-cmd", "cmd": command}
        publisher = {"publisher_type": "frompar-pub", "outputmap": {"made": "made"}}
        step = {"process": process, "environment": environment, "publisher": publisher}
        return {"name": name, "dependencies": [dependency], "scheduler": scheduler | {"step": step}}

    made = "{workdir}/made.txt"
    scatter = {
        "scheduler_type": "multistep-stage",
        "parameters": {"seed": {"step": "init", "output": "seeds"}, "made": made},
        "scatter": {"method": "zip", "parameters": ["seed"]},
    }
    gather = {
        "scheduler_type": "singlestep-stage",
        "parameters": {"parts": {"stages": "make", "output": "made"}, "made": made},
    }
    stages = [
        stage("make", "init", scatter, "python fit.py --seed {seed} > {made}"),
        stage("merge", "make", gather, "cat {parts} > {made}"),
    ]
    # JSON is YAML.
    return json.dumps({"stages": stages}, indent=1)


def cwl() -> str:
    """Return a CWL workflow with a job for each of the words, and one that merges what they made."""

    def tool(command: str, port: str, kind: str) -> dict[str, Any]:
        return {
            "class": "CommandLineTool",
            "baseCommand": command,
            "inputs": {port: {"type": kind, "inputBinding": {}}},
            "outputs": {"made": "stdout"},
            "stdout": f"{command}.txt",
        }

    workflow = {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "requirements": {"ScatterFeatureRequirement": {}},
        "inputs": {"words": "string[]"},
        "outputs": {"merged": {"type": "File", "outputSource": "merge/made"}},
        "steps": {
            "say": {"run": tool("echo", "word", "string"), "scatter": "word", "in": {"word": "words"}, "out": ["made"]},
            "merge": {"run": tool("cat", "parts", "File[]"), "in": {"parts": "say/made"}, "out": ["made"]},
        },
    }
    # JSON is YAML.
    return json.dumps(workflow, indent=1)


def scatter(size: int) -> Workflow:
    """Return one step of ``size`` independent rows."""
    from reana_batch.diagnostics import Place
    from reana_batch.ir import Asked, Column, Command, Script, Step, Workflow

    place = Place("reana.yaml", 1)
    command = Command(("python fit.py --seed ", Column("seed"), " ", Column("file"), "\n"), place)
    step = Step("fit", "fit", place, Script((command,)), Seeds(size), asked=Asked(IMAGE))
    return Workflow("scatter", "serial", (step,))


def stages(size: int) -> Workflow:
    """Return a step of ``size`` rows, another that follows it row by row, and one row that waits for all."""
    from reana_batch.diagnostics import Place
    from reana_batch.ir import Need, Pattern, Script, Step, Workflow, literal

    place = Place("reana.yaml", 1)
    (make,) = scatter(size).steps
    use = Step("use", "use", place, make.action, make.table, (Need("fit", Pattern.EACH),), asked=make.asked)
    merge = Step(
        "merge", "merge", place, Script((literal("python merge.py\n", place),)), needs=(Need("use"),), asked=make.asked
    )
    return Workflow("stages", "serial", (make, use, merge))


def chain(size: int) -> Workflow:
    """Return ``size`` steps of one row, each waiting for the one before."""
    from reana_batch.diagnostics import Place
    from reana_batch.ir import Asked, Need, Script, Step, Workflow, literal

    asked = Asked(IMAGE)

    def step(number: int) -> Step:
        place = Place("reana.yaml", number + 1)
        command = literal(f"python fit.py --seed {number}\n", place)
        needs = (Need(f"fit-{number - 1}"),) if number else ()
        return Step(f"fit-{number}", f"fit {number}", place, Script((command,)), needs=needs, asked=asked)

    return Workflow("chain", "serial", tuple(map(step, range(size))))


@dataclass(frozen=True, slots=True)
class Seeds:
    """A table of rows, produced while it is written."""

    count: int
    columns: tuple[str, ...] = ("seed", "file")

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for seed in range(self.count):
            yield str(seed), f"data/{seed}.root"


WORKFLOWS: dict[str, Callable[[int], Workflow]] = {"scatter": scatter, "stages": stages, "chain": chain}
