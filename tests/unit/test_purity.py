"""Compiling is pure: passes and back ends read only the workflow, their context and the package's own files."""

from __future__ import annotations

import ast
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reana_batch import backends
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.facts import ENV, FILE, Facts, KnownSecrets, Secret
from reana_batch.ir import Asked, CredentialPlan, Resources, Script, Step, Workflow, literal
from reana_batch.passes import PASSES, run_passes
from reana_batch.passes.context import Context
from reana_batch.secrets import Store
from reana_batch.site import Site
from tests.unit.test_packaging import SOURCES

# --- what the code says ---------------------------------------------------------------------------

PURE = {a_pass.__module__ for a_pass in PASSES} | {row.lowering for row in backends.BACKENDS.values()}
# Modules that start processes, know this machine, or talk to other machines.
IMPURE_MODULES = {
    "os",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "time",
    "platform",
    "getpass",
    "pwd",
    "glob",
}
# Names of functions and methods that read the disk or the environment.
IMPURE_CALLS = {
    "open", "environ", "getenv", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "lexists", "is_file",
    "is_dir", "is_symlink", "stat", "lstat", "iterdir", "rglob", "mkdir", "unlink", "touch", "expanduser", "cwd", "home",
    "resolve", "readlink", "samefile", "run", "Popen", "import_module",
}  # fmt: skip  # words of one kind
# Exceptions, each with its reason.
ALLOWED = {
    ("reana_batch.writing.render", "read_text"): "templates of the package itself",
    ("reana_batch.reading.expressions", "read_text"): "a grammar of the package itself",
}


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text("utf-8"))


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, except those that only a type checker reads."""
    yield node
    if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from running(child)


def imported(module: str) -> Iterator[str]:
    """Yield the modules, and the names of modules, that a module imports at any place in its code."""
    for node in running(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_helpers(modules: set[str]) -> set[str]:
    """Return the modules with all modules of the package that they import, directly or not."""
    found: set[str] = set()
    left = sorted(modules)
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            left += (name for name in imported(module) if name in SOURCES and name != "reana_batch")
    return found


def impurities(module: str) -> Iterator[str]:
    yield from (name for name in imported(module) if name.partition(".")[0] in IMPURE_MODULES)
    for node in running(tree(module)):
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_CALLS:
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.func.id


@pytest.mark.parametrize("module", sorted(with_helpers(PURE)))
def test_compiling_touches_nothing(module: str) -> None:
    assert {name for name in impurities(module) if (module, name) not in ALLOWED} == set()


def test_what_reads_the_disk_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "import os\nfrom pathlib import Path\nPath('a').exists() or os.environ['A'] or open('b')\n"
    (tmp_path / "impure.py").write_text(code)
    monkeypatch.setitem(SOURCES, "impure", tmp_path / "impure.py")
    assert set(impurities("impure")) == {"os", "exists", "environ", "open"}


# --- the effect of a ticket -----------------------------------------------------------------------

KEYTAB = {Secret("CERN_USER", ENV): b"alice", Secret("CERN_KEYTAB", ENV): b"k", Secret("k", FILE): b"key"}


def planned(facts: Facts) -> tuple[Workflow, list[str]]:
    """Return a workflow of one step with a ticket after all passes, and the codes of its diagnostics."""
    at = Place("reana.yaml", 1)
    asked = Asked(credentials=frozenset({"kerberos"}), resources=Resources(runtime=60))
    asking = Step("a", "a", at, Script((literal("a", at),)), asked=asked)
    context = Context(backends.lowering("make").TARGET, Site(queue_time=0), Diagnostics(), facts=facts)
    after = run_passes(Workflow("w", "serial", (asking,)), context)
    return after, [each.code for each in context.diagnostics]


def test_a_ticket_changes_where_jobs_get_theirs_and_nothing_else() -> None:
    found, codes = planned(Facts(has_ticket=True))
    assert (found.credential_plan, codes) == (CredentialPlan({"kerberos": "ticket"}, {"kerberos": (0, 60, "a")}), [])
    without, codes = planned(Facts(has_ticket=False))
    assert (without.credential_plan, codes) == (
        CredentialPlan({"kerberos": "keytab"}),
        ["missing-secret", "missing-secret"],
    )
    assert replace(found, credential_plan=CredentialPlan()) == replace(without, credential_plan=CredentialPlan())


def test_with_a_keytab_a_ticket_changes_nothing() -> None:
    known = KnownSecrets(KEYTAB)
    assert planned(Facts(has_ticket=True, secrets=known)) == planned(Facts(has_ticket=False, secrets=known))
    assert planned(Facts(secrets=known))[1] == []


ANALYSIS = """\
workflow:
  type: serial
  specification:
    steps:
      - {name: a, environment: 'debian:12', kerberos: true, slurm_time: '1', commands: [klist]}
"""


def compiled(directory: Path, *, ticket: bool, **settings: str) -> tuple[int, dict[str, bytes], Any]:
    """Run the real command with a klist that has or lacks a ticket. Return its code, files and answer."""
    directory /= "analysis"  # it names the workflow
    (directory / "bin").mkdir(parents=True)
    (directory / "bin/klist").write_text(f"#!/bin/sh\nexit {0 if ticket else 1}\n")
    (directory / "bin/klist").chmod(0o755)
    (directory / "reana.yaml").write_text(ANALYSIS)
    command = [sys.executable, "-m", "reana_batch", "compile", "-b", "make", "-o", "run", "--json"]
    words = [word for name, value in settings.items() for word in ("--set", f"credentials.{name}={value}")]
    environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "HOME": str(directory)}
    done = subprocess.run([*command, *words], cwd=directory, env=environment, capture_output=True, check=False)
    batch = directory / "run/batch"
    files = {str(path.relative_to(batch)): path.read_bytes() for path in batch.rglob("*") if path.is_file()}
    shutil.rmtree(directory / "run", ignore_errors=True)
    return done.returncode, files, json.loads(done.stdout)


def test_the_same_analysis_with_and_without_a_ticket(tmp_path: Path) -> None:
    code, _, answer = compiled(tmp_path / "without", ticket=False)
    assert (code, {each["code"] for each in answer["diagnostics"] if each["severity"] == "error"}) == (
        3,
        {"missing-secret"},
    )
    code, files, _ = compiled(tmp_path / "with", ticket=True)
    assert code == 0
    assert b"ticket" in files["credentials.sh"]
    forced, others, _ = compiled(tmp_path / "forced", ticket=False, kerberos="ticket")
    assert (forced, others) == (0, files)


def test_with_a_keytab_the_same_files_with_and_without_a_ticket(tmp_path: Path) -> None:
    kept = Store(tmp_path / "secrets")
    for secret, content in KEYTAB.items():
        kept.add(secret, content)
    found = [compiled(tmp_path / str(ticket), ticket=ticket, secrets=str(kept.directory)) for ticket in (True, False)]
    assert found[0][:2] == found[1][:2]
    assert found[0][0] == 0
