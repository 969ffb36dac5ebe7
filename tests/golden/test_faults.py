"""No fault of an analysis ends in a traceback: every key of a valid one gets every wrong kind of value."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from reana_batch.cli.main import main

from .forked import Forked

# Every key that the schemas know, with a valid value.
VALID: dict[str, Any] = {
    "version": "0.9.4",
    "inputs": {
        "files": ["a.txt"],
        "directories": ["data"],
        "parameters": {"events": 10, "cuts": [1, 2], "table": {"a": "b"}},
        "options": {"TARGET": "fit"},
    },
    "workflow": {
        "type": "serial",
        "file": "none",
        "files": ["a.txt"],
        "directories": ["data"],
        "parameters": {"file": "a.txt"},
        "resources": {"cvmfs": ["atlas.cern.ch"], "kerberos": False, "voms_proxy": False, "rucio": False},
        "specification": {
            "steps": [
                {
                    "name": "fit",
                    "environment": "docker.io/library/debian:12-slim",
                    "commands": ["echo ${events} ${cuts} ${table}"],
                    "compute_backend": "slurmcern",
                    "unpacked_img": False,
                    "kerberos": False,
                    "voms_proxy": False,
                    "rucio": False,
                    "kubernetes_uid": 1000,
                    "kubernetes_job_timeout": 60,
                    "kubernetes_cpu_request": "1",
                    "kubernetes_cpu_limit": "1",
                    "kubernetes_memory_request": "1Gi",
                    "kubernetes_memory_limit": "1Gi",
                    "htcondor_max_runtime": "espresso",
                    "htcondor_accounting_group": "group",
                    "htcondor_request_cpus": "1",
                    "htcondor_request_memory": "1 GB",
                    "htcondor_request_disk": "1 GB",
                    "htcondor_requirements": "HasCVMFS",
                    "slurm_partition": "long",
                    "slurm_time": "60",
                    "c4p_cpu_cores": "1",
                    "c4p_memory_limit": "1000",
                    "c4p_additional_requirements": "HasCVMFS",
                }
            ]
        },
    },
    "outputs": {"files": ["x.txt"], "directories": ["plots"]},
    "tests": {"files": ["a.txt"]},
    "workspace": {"root_path": "/var/reana", "retention_days": {"*.tmp": 1}},
}

WRONG: tuple[Any, ...] = (None, True, 0.5, "", "no ${such} thing", [], [None, [1], {"a": None}], {"a": ["b"]})

PLACED = re.compile(r"^reana\.yaml:\d+:\d+: (error|warning): .+ \[[a-z-]+\]$", re.MULTILINE)
ANYWHERE = re.compile(r"^(?:\S+: )?(error|warning): .*\[[a-z-]+\]$", re.MULTILINE)
# Messages that belong to no place of the file.
WITHOUT_PLACE = re.compile(r"^(error|warning): .*\[(step-range|image-ignored)\]$", re.MULTILINE)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _paths(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _paths(child, (*path, index))


def _replaced(path: tuple[str | int, ...], wrong: Any) -> Any:
    if not path:
        return wrong
    changed = copy.deepcopy(VALID)
    parent: Any = changed
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = wrong
    return changed


@pytest.fixture
def analysis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.txt").write_text("a\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reana.yaml"


def _validate() -> Result:
    return CliRunner().invoke(main, ["validate", "--site", "generic-slurm"])


def test_the_valid_analysis_is_valid(analysis: Path) -> None:
    analysis.write_text(yaml.safe_dump(VALID, sort_keys=False), "utf-8")
    result = _validate()
    assert result.exit_code == 0, result.stderr


PATHS = list(_paths(VALID))


@pytest.mark.parametrize("path", PATHS, ids=[".".join(map(str, path)) or "all" for path in PATHS])
def test_a_wrong_value_is_a_fault_at_its_place(path: tuple[str | int, ...], analysis: Path) -> None:
    for wrong in WRONG:
        analysis.write_text(yaml.safe_dump(_replaced(path, wrong), sort_keys=False), "utf-8")
        result = _validate()
        assert result.exit_code in (0, 3), (wrong, result.exception)
        assert len(PLACED.findall(result.stderr)) + len(WITHOUT_PLACE.findall(result.stderr)) == len(
            ANYWHERE.findall(result.stderr)
        ), result.stderr
        if result.exit_code:
            assert "error" in ANYWHERE.findall(result.stderr), wrong


NESTED = {
    "brackets": "inputs:\n  parameters:\n    a: " + "[" * 200_000 + "]" * 200_000 + "\n",
    "open brackets": "a: " + "[" * 200_000,
    "braces": "a: " + "{a: " * 5_000 + "1" + "}" * 5_000 + "\n",
    "dashes": "- " * 5_000 + "a\n",
    "indentation": "".join(" " * depth + "a:\n" for depth in range(3_000)),
    "aliases": "inputs:\n  parameters:\n    a0: &a0 [1]\n"
    + "".join(f"    a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3_000)),
}


@pytest.mark.parametrize("name", NESTED)
def test_deep_nesting_is_a_fault(name: str, program: Forked, tmp_path: Path) -> None:
    (tmp_path / "reana.yaml").write_text(NESTED[name], "utf-8")
    ended = program.run(["validate"], tmp_path)
    assert ended.code == 3, ended.stderr[-2000:]
    assert "[yaml-syntax]" in ended.stderr


ODD_TEXTS = (
    *("!!bool maybe", "!!float x", "!!int 1_", "0b_", "0x_", "1:99999999999", "!!str [a]", "!!map a", "!!seq a", "!!null x"),
    *("!local x", "!<tag:yaml.org,2002:int> x", "&a *a", "*a", "? a", "? [a]", "? {a: b} : c", "<<: a", "{<<: [1]}"),
    *("=", "!!value x", "!!binary ~", "!!timestamp x", "2020-13-45", "2020-01-01 25:00:00", "\ufeff", "'\\", '"\\x"', '"\\u12"'),
    *("|9\n a", "|x\n a", ">-9", "%TAG", "--- a\n--- b", "... a", "a: b: c", "- - a\n - b", "\u2028", "\x85", "\x7f", "\ud7ff"),
    *("a" * 200_000, "1" * 200_000, "a: " * 2_000, "[a, " * 300, "-" * 100_000, "#" * 100_000, "9" * 5_000, "0x" + "f" * 9_000),
    *(".inf", "-.nan", "1e999", "0o17", "08", "1__0", "+", "-", "~: ~", "? ~", "true: 1", "1.5: 1", "'': 1", "[]: 1", "{}: 1"),
)  # fmt: skip


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_yaml_is_read_or_a_fault(text: str, analysis: Path) -> None:
    """Each text as the whole file, as a parameter, and as a step."""
    tail = "workflow:\n  type: serial\n  specification:\n    steps:\n      - {environment: 'debian:12', commands: [echo '${x}']}\n"
    indented = text.replace("\n", "\n      ")
    for spec in (text, f"inputs:\n  parameters:\n    x: {indented}\n{tail}", f"{tail}      - {indented}\n"):
        analysis.write_text(spec, "utf-8")
        result = _validate()
        assert result.exit_code in (0, 3), (spec[:300], result.exception)
