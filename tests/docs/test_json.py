"""The page of ``--json`` against real answers of every command: keys, their types, and nothing besides."""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ..golden.forked import Forked
from . import pages
from .pages import ROOT
from .sandbox import Sandbox
from .test_docs import COMMANDS, OPTIONS

PAGE = ROOT / "docs/json.md"
VERBS = [name for name in COMMANDS if "--json" in OPTIONS[name]]
COMMON = "Every answer"

# Analyses of the answers, by file.
FILES = {
    "bad/reana.yaml": """
inputs: {parameters: {words: 3}}
workflow:
  type: serial
  specification:
    steps:
      - {name: first, environment: "debian:12", commands: [echo told; ls missing]}
      - {name: second, environment: "debian:12", commands: [echo]}
""",
    "slow/reana.yaml": """
workflow:
  type: serial
  specification:
    steps: [{name: slow, environment: "debian:12", kubernetes_job_timeout: 1, commands: [sleep 9]}]
""",
    "asking/reana.yaml": """
workflow:
  type: serial
  resources: {cvmfs: [atlas.cern.ch]}
  specification:
    steps:
      - name: on-htcondor
        environment: docker.io/library/debian:12-slim
        compute_backend: htcondorcern
        kerberos: true
        htcondor_request_cpus: '2'
        htcondor_request_memory: 2 GB
        htcondor_request_disk: 2 GB
        htcondor_max_runtime: espresso
        htcondor_accounting_group: group_u_ATLAS
        htcondor_requirements: HasGPU
        commands: [ls]
      - name: on-slurm
        environment: docker.io/library/debian:12-slim
        compute_backend: slurmcern
        slurm_partition: long
        slurm_time: '90'
        commands: [ls]
""",
    "growing/reana.yaml": "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n",
    "growing/Snakefile": """
checkpoint split:
    output: directory("parts")
    resources: gres="gpu:1"
    shell: "mkdir parts; echo > parts/a"
rule end:
    input: "parts/{x}"
    output: "{x}.out"
    shell: "cp {input} {output}"
def ends(wildcards):
    checkpoints.split.get()
    return ["a.out"]
rule all:
    input: ends
    default_target: True
""",
    "rows/reana.yaml": "inputs: {files: [Snakefile]}\nworkflow: {type: snakemake, file: Snakefile}\n",
    "rows/Snakefile": """
rule all:
    input: "a.out", "b.out"
rule row:
    output: "{x}.out"
    threads: 2
    resources: mem_mb=100, runtime=10
    shell: "echo > {output}"
""",
    "rows/0.done": "exit_code=0\nstarted=1796000000\nended=1796000009\n",
    "rows/0.measured": "exit_code=0\nstarted=1796000000\nended=1796000009\nmemory=99\nmemory_of=job\ncpu=2\n",
    "rows/nodes.log": """000 (004.000.000) 2026-11-30 19:10:11 Job submitted from host: <127.0.0.1>
    DAG Node: row.0
...
001 (004.000.000) 2026-11-30 19:10:15 Job executing on host: <127.0.0.1>
...
""",
    "rows/1.started": "row=1\nstarted=1796000000\nhost=node17\nscheduler_job=7_1\nattempt=1\n",
    "twice.yaml": "inputs: {files: [reana.yaml, reana.yaml]}\nworkflow: {type: serial, specification: {steps: []}}\n",
    "wrong.feature": "Feature: f\n  Scenario: s\n    When the workflow is failed\n    Then the engine is there\n",
}

# A session of alice. Commands get --json in addition; other lines prepare something for them.
SESSION = """
cd samples/diamond
export REANA_BATCH_RUNS=/home/alice/runs
reana-batch samples
reana-batch samples helloworld mine
reana-batch sites
reana-batch sites show cern-slurm
reana-batch config
reana-batch config --site cern-slurm
reana-batch doctor
reana-batch doctor --site local
reana-batch doctor --site local --probe
echo secret | tee alice.keytab userkey.pem usercert.pem
reana-batch secrets-add --env CERN_USER=alice --env CERN_KEYTAB=alice.keytab --file alice.keytab
reana-batch secrets-add --env VONAME=escape --env RUCIO_USERNAME=alice --file userkey.pem --file usercert.pem
reana-batch secrets-list
reana-batch validate --site generic-slurm
reana-batch validate -f ../../twice.yaml
reana-batch validate -f ../../bad -p word=1
reana-batch validate -f ../../nowhere
reana-batch status
cp -r ../published published
reana-batch ci gitlab --site generic-slurm -f published
reana-batch ci github --site generic-slurm -o ready.yml
reana-batch compile --site generic-slurm -o ready
reana-batch compile --dry-run -b make
reana-batch inspect --site generic-slurm
reana-batch inspect --site generic-slurm --script D-table
reana-batch inspect --site generic-htcondor --backend auto -f ../../asking
reana-batch inspect --site cern-slurm -f ../../asking --ignore-unsupported
reana-batch inspect --site generic-slurm -f ../published
reana-batch inspect -b make -f ../../growing
reana-batch estimate --site generic-slurm -f ../published
reana-batch estimate -b slurm -f ../../growing
reana-batch estimate --site cern-slurm -f ../../asking --ignore-unsupported --set slurm.max_array_size=1
reana-batch run --site local --dry-run
reana-batch run --site local -w table
reana-batch run --site local --dry-run --reuse table
reana-batch estimate --site local --measured /home/alice/runs/table.1 --set limits.jobs=1
reana-batch status -w table --usage
reana-batch jobs -w table
reana-batch top -w table
reana-batch wait -w table
reana-batch list
reana-batch open -w table
reana-batch status -w table
reana-batch list --sessions
reana-batch close -w table
reana-batch logs -w table
reana-batch ls -w table
reana-batch du -w table
reana-batch download -w table
reana-batch download -w table no-such-file
reana-batch test -w table
cp ../../wrong.feature /home/alice/runs/table.1/workspace
reana-batch test -w table -n wrong.feature
reana-batch prune -w table
reana-batch run --site local -w table --option TARGET=B-squares
reana-batch status -w table
reana-batch diff table.1 table.2
reana-batch compare table.1 table.2
reana-batch report -w table
reana-batch export -w table.1 --ro-crate crate.zip
reana-batch restart -w table
sed '/name: D-table/,+3d' reana.yaml | tee fewer.yaml
reana-batch compile --against table.1 -f fewer.yaml
reana-batch restart -w table --option FROM=C-factors --dry-run
reana-batch run --site local -w bad -f ../../bad
reana-batch status -w bad --usage
reana-batch jobs -w bad
reana-batch top -w bad
reana-batch logs -w bad
reana-batch resume -w bad
reana-batch delete -w bad --dry-run
reana-batch delete -w bad
reana-batch delete --filter name=table.1 --older-than 1w
reana-batch run --site local -w slow -f ../../slow
reana-batch secrets-delete CERN_USER alice.keytab
reana-batch run --site generic-slurm -w broken -f ../../bad
reana-batch wait -w broken
reana-batch restart -w broken
reana-batch submit ready
reana-batch run --site generic-slurm -w chain
echo JobHeldUser AssocGrpCpuLimit > /home/alice/.reasons
reana-batch status -w chain
reana-batch jobs -w chain
rm /home/alice/.reasons
reana-batch stop -w chain
reana-batch resume -w chain
reana-batch wait -w chain
reana-batch restart -w chain
reana-batch run --site generic-htcondor -w rows -f ../../rows
mkdir -p /home/alice/runs/rows.1/state/row
cp ../../rows/0.done ../../rows/1.started /home/alice/runs/rows.1/state/row
reana-batch status -w rows --usage
reana-batch jobs -w rows
cp ../../rows/nodes.log /home/alice/runs/rows.1/batch/workflow.dag.nodes.log
cp ../../rows/0.measured /home/alice/runs/rows.1/state/row/0.done
reana-batch status -w rows --usage
reana-batch compile -b make -f ../../growing -o growing
reana-batch status -w ./growing
make -C growing -f batch/Makefile
reana-batch expand growing split.rest
reana-batch estimate -b make -f ../../growing --measured growing
reana-batch compile -b make -o part
make -C part -f batch/Makefile no-such-target 2> part/logs/make.log
reana-batch status -w ./part
"""


@dataclass
class Table:
    """What a section of the page says of an answer, and what answers had of it: paths, each with its types."""

    documented: dict[str, set[str]]
    included: list[tuple[str, str]]  # a prefix, and the command whose keys are below it
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@functools.cache
def _table(heading: str) -> Table:
    """Return what a section of the page says. A path says of its parents that they are objects or lists."""
    section = pages.section(PAGE, heading)
    documented: dict[str, set[str]] = {}
    for path, types in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE):
        assert path not in documented, f"{heading}: {path} is there twice"
        documented[path] = set(types.split(" or "))
    for path in list(documented):
        for parent, kind in _parents(path):
            documented.setdefault(parent, {kind})
    found = re.findall(r"^(?:\| `([^`]+)` \|)?.*\bkeys of \[([a-z ]+)\]", section, re.MULTILINE)
    return Table(documented, [(f"{prefix}." if prefix else "", name) for prefix, name in found])


def _parents(path: str) -> Iterator[tuple[str, str]]:
    while path:
        path, kind = (path[:-2], "list") if path.endswith("[]") else (path.rpartition(".")[0], "object")
        if path:
            yield path, kind


def _places(verb: str) -> dict[str, list[tuple[Table, str]]]:
    """Return the paths that an answer of a command may have, each with the tables that have it and its path there."""
    places = defaultdict(list)
    for prefix, name in (("", verb), ("", COMMON), *_table(verb).included):
        for path in _table(name).documented:
            places[prefix + path].append((_table(name), path))
    return places


TYPES = {dict: "object", list: "list", str: "text", bool: "bool", int: "number", float: "number", type(None): "null"}


def _flat(value: Any, path: str, known: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the paths of a value with their types; nothing below a path of any type."""
    if known.get(path) == {"any"}:
        yield path, "any"
        return
    if path:
        yield path, TYPES[type(value)]
    if isinstance(value, list):
        for each in value:
            yield from _flat(each, f"{path}[]", known)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(each, _below(path, key, known), known)


def _below(path: str, key: str, known: Iterable[str]) -> str:
    """Return the path of a key. Where a table has a name in capitals, that is the path of any key."""
    prefix = f"{path}." if path else ""
    any_key = re.compile(re.escape(prefix) + "[A-Z]+")
    return next(filter(any_key.fullmatch, known), f"{prefix}{key}")


def _unknown(verb: str, answer: Any) -> set[tuple[str, str]]:
    """Return the paths of an answer with types that no table has. Notes in the tables what was seen."""
    places = _places(verb)
    known = {path: set().union(*(table.documented[own] for table, own in found)) for path, found in places.items()}
    paths = set(_flat(answer, "", known))
    for path, kind in paths:
        for table, own in places.get(path, ()):
            table.seen[own].add(kind)
    return {(path, kind) for path, kind in paths if kind not in known.get(path, ())}


def _verb(line: str) -> str:
    """Return the command that a line calls; empty if it calls another program."""
    words = line.split()
    names = (" ".join(words[1:3]), words[1]) if words[0] == "reana-batch" else ()
    return next((name for name in names if name in VERBS), "")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any]]:
    """The command lines of the session, each with its answer."""
    found = []
    with Forked() as runner:
        sandbox = Sandbox(tmp_path_factory.mktemp("json"), runner)
        for name, text in FILES.items():
            (sandbox.directory / name).parent.mkdir(exist_ok=True)
            (sandbox.directory / name).write_text(text, "utf-8")
        for line in filter(None, SESSION.splitlines()):
            if _verb(line):
                found.append((line, json.loads(sandbox.answer(line))))
            else:
                sandbox.run(line)
    return found


def test_every_command_has_a_table() -> None:
    headings = re.findall(r"^## (.+)$", pages.read(PAGE), re.MULTILINE)
    assert sorted(headings) == sorted([COMMON, *VERBS])
    assert set(COMMANDS) - set(VERBS) == {"completion", "cwl-runner", "shell"}


def test_every_command_answers(answers: list[tuple[str, Any]]) -> None:
    assert {_verb(line) for line, _ in answers} == set(VERBS)
    assert {_verb(line) for line, answer in answers if "error" not in answer} == set(VERBS)


def test_documented_keys_are_those_of_the_answers(answers: list[tuple[str, Any]]) -> None:
    unknown = {line: found for line, answer in answers if (found := _unknown(_verb(line), answer))}
    assert unknown == {}, "an answer has keys or types that docs/json.md does not have"
    missing = {
        (name, path, kind)
        for name in (COMMON, *VERBS)
        for path, kinds in _table(name).documented.items()
        for kind in kinds - _table(name).seen[path]
    }
    assert missing == set(), "docs/json.md has keys or types that no answer has"


def test_what_a_table_lacks_or_has_too_much_is_seen() -> None:
    kinds = {"a": {"text"}, "b": {"list"}, "b[]": {"object"}, "b[].c": {"number"}, "d": {"object"}, "d.KEY": {"any"}}
    flat = set(_flat({"a": None, "b": [{"c": 1}, {"e": True}], "d": {"f": [1], "g": {}}}, "", kinds))
    paths = {path: kind for path, kind in flat if kind not in kinds.get(path, ())}
    assert paths == {"a": "null", "b[].e": "bool"}
    assert {path for path in kinds if path not in dict(flat)} == set()
    assert _unknown("validate", {"valid": "yes", "new": 1}) == {("valid", "text"), ("new", "number")}
