"""Snakemake workflows: Snakemake itself reads the Snakefile, and its jobs are folded into steps, rule by rule.

Semantics: reana-workflow-engine-snakemake 0.9.4, and Snakemake's own where that engine refuses a
workflow or hangs. The jobs after a checkpoint are an expansion.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from reana_batch import names
from reana_batch.credentials import CREDENTIALS
from reana_batch.diagnostics import Diagnostics, closest
from reana_batch.frontends.mirror import mirror
from reana_batch.frontends.snakemake import fold, paths, scripts
from reana_batch.frontends.snakemake.made import made_files
from reana_batch.frontends.snakemake.process import Reading, read
from reana_batch.frontends.snakemake.records import JobRecord, Past, RuleRecord
from reana_batch.ir import Expansion, MadeFile, Need, Script, Step, Workflow, last_steps, literal
from reana_batch.reading import hints
from reana_batch.reading.document import entries
from reana_batch.reading.expressions import is_data_reference
from reana_batch.reading.parameters import file_parameters
from reana_batch.reading.spec import Spec


def load(spec: Spec, diagnostics: Diagnostics, results: Mapping[str, Any]) -> Workflow:
    """Return the workflow: a step per rule, with a row per job.

    ``results`` are those of an expansion. With them, the workflow is what is left to do in the workspace.
    """
    config = results["state"]["config"] if results else file_parameters(spec, diagnostics)
    made: tuple[MadeFile, ...] = ()
    if results:
        reading = read(spec, spec.directory, config, diagnostics, Past(*results["state"]["past"]))
    else:
        diagnostics.stop_if_errors()
        with mirror(spec, diagnostics) as directory:
            _warn_of_profile(spec, directory, diagnostics)
            reading = read(spec, directory, config, diagnostics)
            made = tuple(made_files(spec, directory, diagnostics))
    for handler in reading.handlers:
        place = spec.document.place(["workflow", "file"])
        diagnostics.warning(
            "hint-ignored", f"{handler} has no effect, because no process waits for the end of the run.", place
        )
    config = reading.config or config
    if not results:
        paths.check(spec, reading, config, diagnostics)
    _warn_of_kept(reading, diagnostics)
    static, deferred = _divide(reading)
    fold.check(reading, static, diagnostics)
    steps = fold.steps(spec, reading, static, config, diagnostics)
    temporary = _temporary(reading, static, results) if spec.strict else []
    past = _past(reading, static, results)
    state = {"config": dict(config), "temporary": temporary, "past": list(past)}
    waits = bool(deferred) or reading.open_target
    expansions = (_expansion(spec, reading, static, steps, state),) if waits else ()
    if temporary and not expansions:
        steps = (*steps, _cleanup(spec, steps, temporary))
    if "report" in spec.options and steps and not expansions:
        steps = (*steps, _report(spec, steps, config))
    if not (results or steps or expansions):
        message = "There is nothing to do: the first rule asks for nothing that a job must make."
        diagnostics.warning("snakefile", message, spec.document.place(["workflow", "file"]))
    if not (results or expansions):
        _check_outputs(spec, reading, made, diagnostics)
    if results and expansions and not steps:
        message = f"All other jobs are done, but the run still does not know {expansions[0].reason}."
        diagnostics.error("snakefile", message, expansions[0].origin)
    return Workflow(name=spec.directory.name, type="snakemake", steps=steps, expansions=expansions, made=made)


def _warn_of_kept(reading: Reading, diagnostics: Diagnostics) -> None:
    """Warn about rules that run fewer jobs because their outputs are inputs of the analysis."""
    kept: dict[int, list[str]] = {}
    for job in reading.kept:
        kept.setdefault(job.rule, []).extend(job.outputs)
    for rule, outputs in kept.items():
        more = f" and {len(outputs) - 1:,} more" if len(outputs) > 1 else ""
        message = (
            f'Rule "{reading.rules[rule].name}" does not make {outputs[0]}{more}, which the analysis declares as input.'
        )
        hint = "remove the file from the inputs to have it made."
        diagnostics.warning("input-kept", message, reading.place(reading.rules[rule]), hint)


def _past(reading: Reading, jobs: list[int], results: Mapping[str, Any]) -> Past:
    """Return what an expansion after these jobs must know, including what was known before them."""
    before = Past(*results["state"]["past"]) if results else Past([], [], reading.end.given)
    ran = [key for number in jobs for key in reading.jobs[number].keys]
    return Past([*before.ran, *ran], [*before.kept, *(job.key for job in reading.kept)], before.given)


# The most outputs that are compared with a misspelt one.
_NEAR = 1000


def _check_outputs(spec: Spec, reading: Reading, made: Sequence[MadeFile], diagnostics: Diagnostics) -> None:
    """Warn about declared outputs that neither a job nor an input names. Benchmark files are not known here."""
    if any(job.benchmark for job in reading.jobs):
        return
    named = [path for job in reading.jobs for path in (*job.outputs, *job.logs)]
    named += [file.path for file in made]
    there = {os.path.normpath(path) for path in (*named, *spec.input_files, *spec.input_directories)}
    there.add(os.path.normpath(spec.options.get("report", "report.html")))
    folders = {str(parent) for path in there for parent in PurePosixPath(path).parents}
    for name in ("files", "directories"):
        for index, path in entries(spec.document.data, "outputs", name):
            own = PurePosixPath(os.path.normpath(path))
            known = there & {str(each) for each in (own, *own.parents)} or (
                name == "directories" and str(own) in folders
            )
            if not known and not is_data_reference(path) and not set("*?[") & set(path):
                meant = closest(str(own), sorted(there)[:_NEAR])
                hint = (
                    f"did you mean {meant}?"
                    if meant
                    else "add it to a rule's output, and to the input of the first rule."
                )
                place = spec.document.place(["outputs", name, index])
                diagnostics.warning("unmade-output", f'No job of the workflow makes "{path}".', place, hint)


def _warn_of_profile(spec: Spec, root: Path, diagnostics: Diagnostics) -> None:
    """Warn about a profile that Snakemake would find in the analysis, but that is not declared."""
    places = () if "workflow-profile" in spec.options else (Path(), Path(spec.workflow_file).parent)
    for place in dict.fromkeys(places):
        profile = place / "profiles/default"
        if (spec.directory / profile).is_dir() and not (root / profile).exists():
            message = f"The profile {profile} is not declared, so it has no effect."
            cure = f"add {profile} to inputs.directories."
            diagnostics.warning("hint-ignored", message, spec.document.place(["workflow", "file"]), cure)


def _temporary(reading: Reading, jobs: list[int], results: Mapping[str, Any]) -> list[str]:
    """Return the outputs that are removed at the end, including those from before an expansion.

    As in Snakemake, targets and the outputs of checkpoints are kept.
    """
    found = list(results["state"]["temporary"]) if results else []
    for job in (reading.jobs[number] for number in jobs):
        if not reading.rules[job.rule].checkpoint:
            found += [path for path, flags in zip(job.outputs, job.flags, strict=True) if "temp" in flags.split(",")]
    return [path for path in found if path not in set(reading.end.targets)]


def _cleanup(spec: Spec, steps: tuple[Step, ...], paths: list[str]) -> Step:
    """Return the step that removes temporary files when all others are done."""
    origin = spec.document.place(["workflow", "file"])
    return Step(
        name="temporary.files",  # no rule's name has a dot
        label="temp()",
        origin=origin,
        action=Script((literal(scripts.remove(paths), origin),)),
        needs=tuple(Need(step.name) for step in last_steps(steps)),
    )


def _report(spec: Spec, steps: tuple[Step, ...], config: Mapping[str, Any]) -> Step:
    """Return the step that writes Snakemake's report when all others are done."""
    name = spec.options["report"]
    origin = spec.document.place(["inputs", "options", "report"])
    return Step(
        name="report.html",  # no rule's name has a dot
        label="report",
        origin=origin,
        action=Script((literal(scripts.report(name, spec.workflow_file, config), origin),), uses_python=True),
        needs=tuple(Need(step.name) for step in last_steps(steps)),
        outputs=(name,),
    )


def _divide(reading: Reading) -> tuple[list[int], list[int]]:
    """Return the jobs that are known now, and those that only the run can know.

    A job is of the second kind if it waits for one, directly or through other jobs.
    """
    children: dict[int, list[int]] = {}
    for number, job in enumerate(reading.jobs):
        for parent in job.parents:
            children.setdefault(parent, []).append(number)
    pending = [number for number, job in enumerate(reading.jobs) if job.deferred or _waits(reading, job)]
    deferred = set(pending)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in deferred:
                deferred.add(child)
                pending.append(child)
    static = [number for number in range(len(reading.jobs)) if number not in deferred]
    return static, sorted(deferred)


def _waits(reading: Reading, job: JobRecord) -> bool:
    return fold.waits(reading.rules[job.rule], job)


def _expansion(
    spec: Spec, reading: Reading, static: list[int], steps: tuple[Step, ...], state: Mapping[str, Any]
) -> Expansion:
    """Return the expansion that adds the jobs which only the run can know.

    It waits for all steps, because Snakemake then lists everything that is missing.
    """
    late = sorted({job.rule for job in reading.jobs if _waits(reading, job)})
    known = {reading.jobs[number].rule for number in static if reading.rules[reading.jobs[number].rule].checkpoint}
    rules = [reading.rules[number] for number in sorted(known)]
    if reading.open_target or any(job.deferred for job in reading.jobs):
        rules = rules or [rule for rule in reading.rules if rule.checkpoint] or reading.rules
        reason = f"the files that {_listed(rules)} makes"
    else:
        rules = [reading.rules[number] for number in late]
        reason = f"what the functions of {_listed(rules)} read"
    label = _listed(rules)
    wished = frozenset(CREDENTIALS.keys() & reading.wishes)
    return Expansion(
        name=f"{names.encode(rules[0].name)}.rest",
        label=label,
        origin=reading.place(rules[0]),
        reason=reason,
        needs=tuple(step.name for step in steps),
        state=state,
        credentials=wished | hints.credentials(spec.default_hints),
    )


def _listed(rules: Sequence[RuleRecord]) -> str:
    return ", ".join(rule.name for rule in rules)
