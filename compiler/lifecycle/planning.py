"""The plan of a run with a changed analysis: what the comparison has to know is found out here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

from reana_batch import files, layout
from reana_batch.compilation import Compilation
from reana_batch.lifecycle import creation
from reana_batch.lifecycle.comparison import Circumstances, OldRow, Plan, StepPlan, compare, unfinished
from reana_batch.run import inputs
from reana_batch.run.manifest import StepEntry
from reana_batch.run.mentions import Mentions
from reana_batch.run.parts import Run
from reana_batch.run.row_texts import StepRows

# Bytes. Larger inputs are not searched for the names of others.
_LARGEST_TEXT = 256 * 1024
# The bytes of two files that are compared at a time.
_PIECE = 1 << 20
# How many outputs are remembered. Rows of a step have some in common.
_REMEMBERED = 1000


def planned(run: Run, compilation: Compilation, *, checksum: bool = False) -> Plan:
    """Return what a new run of ``compilation`` would take over from ``run``. Nothing is left on the disk."""
    with tempfile.TemporaryDirectory(prefix="reana-batch.") as folder:
        try:
            creation.fill(compilation, Path(folder))
        except OSError as error:
            raise creation.cannot_write(error, Path(folder)) from error
        return plan(run, Run(Path(folder)), compilation, checksum=checksum)


def plan(run: Run, new: Run, compilation: Compilation, *, checksum: bool = False) -> Plan:
    """Return what the run ``new``, which was written for ``compilation``, can take over from ``run``."""
    options = compilation.spec.options if compilation.spec else {}
    changed = changed_inputs(run, compilation, checksum=checksum)
    reasons = _reasons(run, new, compilation, changed) if changed else {}
    around = Circumstances(
        is_missing=lru_cache(_REMEMBERED)(lambda output: not run.has(output)),
        changed_input=lambda rows: iter(reasons.get(rows.step.name) or [""] * rows.step.rows),
        any_input=next(iter(changed.values()), ""),
        selected=f"--option FROM={options['FROM']}" if "FROM" in options else "",
        whole=options.keys().isdisjoint(("FROM", "TARGET")),
    )
    return compare(run, new, around)


def unchanged(run: Run) -> Plan:
    """Return which jobs a restart of ``run`` with the same analysis runs: those that are not recorded as done."""
    compiled = run.compiled()
    return Plan(tuple(_by_records(run, step, compiled.get(step.name)) for step in run.manifest.steps), {})


def _by_records(run: Run, step: StepEntry, part: Run | None) -> StepPlan:
    states = run.records(step).states()
    kept = {row: OldRow(step.name, row) for row in range(step.rows) if row in states.done}
    runs = {row: unfinished(step, row, failed=row in states.failed) for row in range(step.rows) if row not in kept}
    return StepPlan(step, kept, runs, unchanged(part) if part and kept else None)


def changed_inputs(run: Run, compilation: Compilation, *, checksum: bool) -> dict[str, str]:
    """Return the inputs that differ from those that the run recorded, each with a sentence."""
    if compilation.spec is None:
        return {}
    root, workspace = compilation.spec.directory, run.directory / layout.WORKSPACE
    paths = [path for path in compilation.inputs if path not in compilation.workflow.tests]
    before = {
        path: facts for path, facts in inputs.read(run.directory, paths).items() if path not in run.manifest.tests
    }
    is_equal: Callable[[str], bool] | None = partial(_equal, root, workspace, before) if checksum else None
    return dict(inputs.changes(before, inputs.facts_in(root, paths), is_equal))


def _equal(root: Path, workspace: Path, before: Mapping[str, inputs.Facts], path: str) -> bool:
    """Return whether an input has the content that it had. The run's copy must be as it was made."""
    there = inputs.facts_in(workspace, [path]).get(path)
    if there != before[path] or (root / path).stat().st_size != before[path][0]:
        return False
    with open(root / path, "rb", opener=files.regular) as first, files.opened(workspace, path) as second:
        while piece := first.read(_PIECE):
            if piece != second.read(_PIECE):
                return False
        return not second.read(1)


# --- which jobs an input concerns -------------------------------------------------------------------


def _reasons(old: Run, new: Run, compilation: Compilation, changed: Mapping[str, str]) -> dict[str, list[str]]:
    """Return by step a sentence for each row that a changed input concerns, and an empty text for each other row.

    An input concerns the jobs whose scripts name it, or name inputs that do. If no script names it, it concerns all
    jobs, unless the definition of the workflow names it: then it has reached the scripts. If only scripts of the earlier
    run name it, these have changed or are gone, and it concerns no job. A script that starts the workflow's own engine
    does not name what that reads, so every input concerns it.
    """
    assert compilation.spec is not None, "without an analysis no input is known"
    root = compilation.spec.directory
    texts = _texts(inputs.facts_in(root, compilation.inputs), lambda path: files.read_regular(root / path))
    known = Mentions(changed, texts)
    named: set[str] = set()
    reasons: dict[str, list[str]] = {}
    by_engine = {step.name for step in compilation.workflow.steps if step.action.uses_python}
    for step in new.manifest.steps:
        other = next(iter(changed.values())) if step.name in by_engine else ""
        reasons[step.name] = []
        for text in StepRows(new.directory, step).texts():
            found = known.of_script(text) & changed.keys()
            named |= found
            reasons[step.name].append(changed[min(found)] if found else other)
    definition = compilation.spec.workflow_file
    unnamed = changed.keys() - named - known.of_input(definition) - {definition}
    if unnamed := unnamed and unnamed - _named_by(old, changed):
        reason = changed[min(unnamed)]
        everywhere = {step.name for step in new.manifest.steps if not step.stages_data}
        return {
            name: [found or reason for found in rows] if name in everywhere else rows for name, rows in reasons.items()
        }
    return reasons


def _named_by(run: Run, changed: Mapping[str, str]) -> set[str]:
    """Return which of the changed inputs the scripts of an earlier run name, or name inputs of it that do."""
    workspace = run.directory / layout.WORKSPACE
    texts = _texts(inputs.facts_in(workspace, inputs.read(run.directory, changed)), partial(_content, workspace))
    known = Mentions(changed, texts)
    scripts = (text for step in run.manifest.steps for text in StepRows(run.directory, step).texts())
    return {path for text in scripts for path in known.of_script(text)}


def _content(root: Path, path: str) -> bytes:
    with files.opened(root, path) as source:
        return source.read()


def _texts(facts: Mapping[str, inputs.Facts], read: Callable[[str], bytes]) -> dict[str, str]:
    """Return the inputs that are text, by path. What cannot be read is none."""
    found = {}
    for path, (size, _) in facts.items():
        with suppress(OSError):
            content = read(path) if size <= _LARGEST_TEXT else b"\0"
            if b"\0" not in content:
                found[path] = content.decode("utf-8", "replace")
    return found
