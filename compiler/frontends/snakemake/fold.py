"""Make steps from Snakemake's jobs: which jobs are one step, and what the step asks for."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reana_batch import folding, names
from reana_batch.columns import Columns, joined
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.folding import Fold
from reana_batch.frontends.snakemake import scripts
from reana_batch.frontends.snakemake.process import Reading
from reana_batch.frontends.snakemake.records import JobRecord, RuleRecord
from reana_batch.ir import Asked, Command, Hint, Need, Resources, Script, Step
from reana_batch.reading import hints, images
from reana_batch.reading.spec import Spec

# Snakemake's text for a value that only the run can know.
LATE = "<TBD>"

# Flags of outputs that only Snakemake can handle.
_SNAKEMAKE_FLAGS = frozenset({"ensure"})

# The most steps of a rule whose jobs ask for different resources. If there are more, the amounts are rounded up in
# these ratios until few enough differ. With the last ratio, all jobs ask for the largest amount.
_MOST_VARIANTS = 20
_RATIOS = (1.25, 2.0, 8.0, math.inf)

# From Snakemake's own resources to the field of Resources and the size of the unit.
_NATIVE = {"mem_mb": ("memory", 10**6), "disk_mb": ("disk", 10**6), "runtime": ("runtime", 60)}

# Resources of Snakemake's plugins and of users of batch systems. Those among them that are not hints have no effect.
_FOR_BATCH_SYSTEMS = re.compile(
    r"(slurm|htcondor|classad|kubernetes|c4p|request|lsf|sge|pbs)_.*|gpus?|gpu_.*|gres|constraint|qos|account|partition|queue"
    r"|nodes|tasks|n?tasks_per_.*|ntasks|cpus_per_.*|mem(_mb)?_per_.*|mpi|clusters?|reservation|exclusive|requirements"
)
_CURES = {
    "account": "write slurm_account.",
    "slurm_qos": "write qos.",
    "slurm_constraint": "write constraint.",
    "gpus": "write gpu.",
    "clusters": "submit the run on that cluster: all jobs of a run are on one.",
    "mpi": "start it in the command, such as srun or mpirun; nodes and tasks are honoured.",
    "slurm_extra": "write the resource for each option, such as qos, constraint, reservation or gres.",
    "partition": "write slurm_partition.",
    "mem_mb_per_cpu": "write mem_mb, the memory of the job.",
    "requirements": "write htcondor_requirements.",
}


# Resources that are hints of the step.
_HINTS = hints.READERS.keys() | hints.steering() | hints.PLUGIN_READERS.keys()


def _has_no_effect(name: str) -> bool:
    return name not in _HINTS and _FOR_BATCH_SYSTEMS.fullmatch(name) is not None


# What the batch system must know before the job starts.
_SCHEDULED = frozenset({"threads", *_NATIVE, *_HINTS})

# Resources that are not amounts: jobs that ask for different ones are never joined.
_EXACT = _HINTS - {"gpu", "cpus_per_task"}

# More similar rules than this, each with one job, are one step: a tool wrote them.
_FEW_RULES = 4

# In the command of such a rule: a word; a word with a digit; several names, files and numbers in a row.
_WORD = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"[\w.+-]*\d[\w.+-]*")
_SEVERAL = re.compile(r"\0(?:[\s,:;'\"=_./-]*\0)+")

# A command that changes the directory: at the start of a line, or after the end of another command.
_CHANGES_DIRECTORY = re.compile(r"(?:^|[;&|({])\s*(?:cd|pushd)\s+\S*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the jobs of a step have in common. The first field keeps the author's order."""

    rule: int
    label: str
    on_worker: bool  # does Snakemake on the worker run the job?
    storage: bool  # does it download files from a storage?
    outputs: tuple[str, ...]  # the flags of each output
    container: str
    asked: str  # the resources that it asks for, as JSON
    retries: int


def check(reading: Reading, chosen: Sequence[int], diagnostics: Diagnostics) -> None:
    """Refuse jobs that need a value now which only the run can know."""
    for record in reading.jobs:
        if inside := _SCHEDULED.intersection(record.inside):
            message = (
                f'Group "{_label([record], reading)}" asks for resources that depend on files which it makes itself'
            )
            hint = (
                "declare the maximum in a profile with set-resources or set-threads,"
                " or take the rule that makes the files out of the group."
            )
            place = reading.place(reading.rules[record.rule])
            diagnostics.error("snakefile", f"{message}: {', '.join(sorted(inside))}.", place, hint)
    for number in chosen:
        record = reading.jobs[number]
        for text in (*record.outputs, *record.inputs, *record.logs, *record.targets, record.container, record.label):
            if LATE in text:
                message = f'Only the run can know what {LATE} stands for in "{text}".'
                place = reading.place(reading.rules[record.rule])
                diagnostics.error("snakefile", message, place, "make the files that it depends on in a checkpoint.")
    diagnostics.stop_if_errors()


def steps(
    spec: Spec, reading: Reading, chosen: Sequence[int], config: Mapping[str, Any], diagnostics: Diagnostics
) -> tuple[Step, ...]:
    """Return the steps of the ``chosen`` jobs, parents before their children."""
    position = {number: index for index, number in enumerate(chosen)}
    records = [reading.jobs[number] for number in chosen]
    kinds = _kinds(reading, records, _families(reading, records))
    jobs = [
        folding.Job(kind, [position[p] for p in record.parents if p in position], " ".join(record.outputs))
        for kind, record in zip(kinds, records, strict=True)
    ]
    folds = folding.fold(jobs)
    step_names = _names(folds, records, reading)
    maker = _Maker(spec, reading, config, diagnostics)
    return tuple(
        maker.step(name, fold.kind, [records[job] for job in fold.jobs], needs)
        for name, fold, needs in zip(step_names, folds, folding.needs(folds, jobs, step_names), strict=True)
    )


def _names(folds: Sequence[Fold[Kind]], records: Sequence[JobRecord], reading: Reading) -> list[str]:
    """Return the names of the steps. Several steps of a rule are numbered."""
    return names.numbered([names.encode(_label([records[job] for job in fold.jobs], reading)) for fold in folds])


def _label(records: Sequence[JobRecord], reading: Reading) -> str:
    """Return the name of the group or rule. The name of several rules is their common beginning."""
    rules = list(dict.fromkeys(reading.rules[record.rule].name for record in records))
    if records[0].label or len(rules) == 1:
        return records[0].label or rules[0]
    start = os.path.commonprefix(rules).rstrip("_0123456789")  # noqa: RUF071  # names are not paths
    return start or f"{rules[0]}_and_{len(rules) - 1}_more"


def _is_default(name: str, value: Any) -> bool:
    """Return whether a plugin's resource asks only for what every job has."""
    return name in hints.PLUGIN_READERS and (not value or (name in ("nodes", "tasks") and value == 1))


# --- which jobs are of one kind ------------------------------------------------------------------


def _families(reading: Reading, records: Sequence[JobRecord]) -> dict[int, int]:
    """Return for each rule the first of the rules that share its steps. Usually that is the rule itself.

    If a tool writes a rule for each job, the rules differ only in names, files and numbers.
    """
    jobs: dict[int, list[JobRecord]] = {}
    for record in records:
        jobs.setdefault(record.rule, []).append(record)
    similar: dict[tuple[object, ...], list[int]] = {}
    for number, (record, *others) in jobs.items():
        rule = reading.rules[number]
        is_alone = not (others or record.wildcards or rule.checkpoint or record.grouped)
        similar.setdefault(_shape(rule, record) if is_alone else (number,), []).append(number)
    return {rule: rules[0] if len(rules) > _FEW_RULES else rule for rules in similar.values() for rule in rules}


def _shape(rule: RuleRecord, record: JobRecord) -> tuple[object, ...]:
    """Return a rule and its command without everything that differs between similar rules.

    These are the place, names, files and their words, and numbers.
    """
    own = sorted({rule.name, *record.inputs, *record.outputs, *record.logs} - {""}, key=len, reverse=True)
    words = set(_WORD.findall(" ".join(own)))
    command = rule.body if _on_worker(rule, record) else "\n".join(record.commands)
    for each in own:
        command = command.replace(each, "\0")
    command = _WORD.sub(lambda word: "\0" if word[0] in words else word[0], command)
    command = _SEVERAL.sub("\0", _NUMBERED.sub("\0", command))
    return (command, *rule._replace(name="", file="", line=0, body=""))


def _kinds(reading: Reading, records: Sequence[JobRecord], families: Mapping[int, int]) -> list[Kind]:
    asked = [_asked(record) for record in records]
    variants: dict[int, dict[str, None]] = {}
    for record, text in zip(records, asked, strict=True):
        variants.setdefault(families[record.rule], {})[text] = None
    rounded = {rule: _rounded(list(texts)) for rule, texts in variants.items() if len(texts) > _MOST_VARIANTS}
    return [
        Kind(
            families[record.rule],
            record.label,
            _on_worker(reading.rules[record.rule], record),
            record.storage,
            tuple(record.flags),
            record.container,
            rounded.get(families[record.rule], {}).get(text, text),
            record.retries,
        )
        for record, text in zip(records, asked, strict=True)
    ]


def _rounded(texts: Sequence[str]) -> dict[str, str]:
    """Return for each text one of a few texts that ask for as much or more."""
    asked = {text: json.loads(text) for text in texts}
    for ratio in _RATIOS:
        groups: dict[str, list[str]] = {}
        for text, each in asked.items():
            groups.setdefault(json.dumps({n: _size(n, value, ratio) for n, value in each.items()}), []).append(text)
        if len(groups) <= _MOST_VARIANTS:
            break
    most = {key: json.dumps(_most([asked[text] for text in group]), sort_keys=True) for key, group in groups.items()}
    return {text: most[key] for key, group in groups.items() for text in group}


def _size(name: str, value: Any, ratio: float) -> Any:
    """Return the same result for numbers that are at most ``ratio`` apart. Other values are returned unchanged."""
    if name in _EXACT:
        return value
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return value if ratio < math.inf else None
    return math.floor(math.log(value, ratio)) if ratio < math.inf else None


def _asked(record: JobRecord) -> str:
    """Return the resources that the job asks for, as text. It asks once, so the largest of all attempts counts."""
    return json.dumps(_most(record.resources), sort_keys=True)


def _most(asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the largest of each number that is asked for. Of other values, return the last."""
    most: dict[str, Any] = {}
    for each in asked:
        for name, value in each.items():
            both_numbers = isinstance(value, int | float) and isinstance(most.get(name), int | float)
            most[name] = max(most[name], value) if both_numbers else value
    return most


def _on_worker(rule: RuleRecord, record: JobRecord) -> bool:
    """Return whether only Snakemake can run the job: it is more than a command for bash."""
    flags = {flag for each in record.flags for flag in each.split(",")}
    is_bash = rule.action in ("shell", "none")
    is_late = rule.action == "shell" and not record.commands
    return (
        record.grouped
        or record.benchmark
        or record.storage
        or not is_bash
        or is_late
        or bool(rule.shadow)
        or bool(flags & _SNAKEMAKE_FLAGS)
    )


def waits(rule: RuleRecord, record: JobRecord) -> bool:
    """Return whether an expansion must compile the job, because only the run can know its values.

    The batch system must know the resources that it asks for. A job with an image needs its command, because
    Snakemake on the worker would run it without its image.
    """
    asked = {name.removeprefix("resources.") for name in record.late}
    needs_image = record.container and rule.action == "shell" and not rule.local and not record.grouped
    return bool(asked & _SCHEDULED) or bool(needs_image and not record.commands)


# --- steps ---------------------------------------------------------------------------------------


class _Maker:
    """Makes the steps of a workflow."""

    def __init__(self, spec: Spec, reading: Reading, config: Mapping[str, Any], diagnostics: Diagnostics) -> None:
        self._spec = spec
        self._reading = reading
        self._config = config
        self._diagnostics = diagnostics
        self._snakefile = spec.workflow_file

    def step(self, name: str, kind: Kind, records: Sequence[JobRecord], needs: tuple[Need, ...]) -> Step:
        """Return the step whose rows are these jobs."""
        rules = [self._reading.rules[record.rule] for record in records]
        rule = rules[0]
        origin = self._reading.place(rule)
        row_names = [(each.name, self._reading.place(each)) for each in rules] if len(set(rules)) > 1 else []
        asked = json.loads(kind.asked)
        found = self._hints(asked, origin)
        self._check(rule, kind, records, found, origin)
        columns = Columns(len(records))
        for index, (wildcard, _) in enumerate(records[0].wildcards):
            columns.suggest(wildcard, [self._relative(record.wildcards[index][1]) for record in records])
        columns.suggest("rule", [each.name for each in rules])
        script = self._script(rule, kind, records, columns, origin)
        outputs = tuple(columns.column([r.outputs[i] for r in records]) for i in range(len(kind.outputs)))
        return Step(
            name=name,
            label=_label(records, self._reading),
            origin=origin,
            action=script,
            table=columns.table(),
            needs=needs,
            outputs=outputs,
            asked=Asked(
                environment="" if _is_outside(rule, kind) else self._relative(_image(kind.container)),
                hints=found,
                resources=_native(asked),
                credentials=hints.credentials(found),
                cvmfs=self._spec.cvmfs,
                retries=kind.retries,
            ),
            row_names=tuple(row_names),
        )

    def _script(
        self, rule: RuleRecord, kind: Kind, records: Sequence[JobRecord], columns: Columns, origin: Place
    ) -> Script:
        def command(texts: Sequence[str]) -> Command:
            return Command(columns.split(texts), origin)

        if kind.on_worker:
            head, tail = scripts.with_config(self._config, scripts.STORAGE if kind.storage else "")
            words = columns.split(
                [
                    scripts.worker(record, self._snakefile, str(self._reading.root), self._reading.options)
                    for record in records
                ]
            )
            return Script((Command(joined((head, *words, tail)), origin),), uses_python=True)
        before = [scripts.before(record) for record in records]
        after = [scripts.after(record) for record in records]
        commands = () if rule.action == "none" else (command([self._commands(rule, record) for record in records]),)
        return Script(
            commands,
            before=command(before) if any(before) and rule.action != "none" else None,
            after=command(after) if any(after) else None,
        )

    def _commands(self, rule: RuleRecord, record: JobRecord) -> str:
        """Return the command, or a command that chooses by the attempt."""
        first, *more = [self._command(rule, text) for text in record.commands]
        return scripts.by_attempt([first, *more]) if more else first

    def _command(self, rule: RuleRecord, text: str) -> str:
        """Return the command. REANA runs it without Snakemake's prefix, except for local rules."""
        text = scripts.relative(text, str(self._reading.root), self._reading.end.workdir)
        text = f"{self._reading.end.shell_prefix}{text}" if self._spec.strict or rule.local else text
        return scripts.within(self._reading.end.workdir, text)

    def _relative(self, path: str) -> str:
        return path.replace(f"{self._reading.root}/", "")

    def _leaves_workspace(self, command: str) -> bool:
        """Return whether the command uses the workspace's files from another directory."""
        change = _CHANGES_DIRECTORY.search(command)
        return change is not None and str(self._reading.root) in command[change.end() :]

    # --- what the rule asks for ---

    def _hints(self, asked: Mapping[str, Any], origin: Place) -> dict[str, Hint]:
        return self._spec.default_hints | {
            name: Hint(value, origin)
            for name, value in asked.items()
            if name in _HINTS and isinstance(value, str | int | bool) and not _is_default(name, value)
        }

    def _check(
        self, rule: RuleRecord, kind: Kind, records: Sequence[JobRecord], found: Mapping[str, Hint], origin: Place
    ) -> None:
        hints.check(found, self._diagnostics)
        if kind.container:
            self._check_image(rule, kind, origin)
        if not kind.on_worker and any(self._leaves_workspace(text) for record in records for text in record.commands):
            message = (
                f'Rule "{rule.name}" changes the directory, and then names files by their paths from the workspace.'
            )
            self._diagnostics.warning("changed-directory", message, origin, 'name them "$REANA_WORKSPACE"/FILE.')
        ignored = [("conda", rule.conda), ("envmodules", rule.modules)]
        for directive in (name for name, given in ignored if given):
            message = f"{directive} has no effect here, and none in REANA."
            self._diagnostics.warning("hint-ignored", message, origin, "use a container.")
        self._check_rounding(rule, records, json.loads(kind.asked), origin)
        self._check_effect(rule, records, origin)
        if any(len(record.resources) > 1 for record in records):
            message = f'Rule "{rule.name}" asks for more with each attempt. Its jobs always ask for the maximum.'
            self._diagnostics.warning("hint-ignored", message, origin)

    def _check_rounding(
        self, rule: RuleRecord, records: Sequence[JobRecord], asked: Mapping[str, Any], origin: Place
    ) -> None:
        if all(json.loads(_asked(record)) == asked for record in records):
            return
        message = (
            f'The jobs of rule "{rule.name}" ask for more than {_MOST_VARIANTS} combinations of resources, '
            "so some ask for more than they need."
        )
        self._diagnostics.warning(
            "hint-ignored", message, origin, "let the function of the resource return fewer different values."
        )

    def _check_effect(self, rule: RuleRecord, records: Sequence[JobRecord], origin: Place) -> None:
        """Warn about resources that mean something to a batch system but have no effect here."""
        given = {name: value for record in records for each in record.resources for name, value in each.items()}
        for name in sorted(name for name, value in given.items() if value and value != "" and _has_no_effect(name)):
            message = f'The resource {name} of rule "{rule.name}" has no effect.'
            self._diagnostics.warning("hint-ignored", message, origin, _CURES.get(name, ""))

    def _check_image(self, rule: RuleRecord, kind: Kind, origin: Place) -> None:
        images.check(_image(kind.container), origin, self._diagnostics)
        if _is_outside(rule, kind):
            runs = "Snakemake on the worker runs its jobs" if kind.on_worker else "it is a local rule"
            message = f'Rule "{rule.name}" runs without its image, because {runs}.'
            self._diagnostics.warning("image-ignored", message, origin)


def _is_outside(rule: RuleRecord, kind: Kind) -> bool:
    """Return whether the jobs run without an image. Local rules do so on REANA too."""
    return kind.on_worker or rule.local


def _image(container: str) -> str:
    """Return the image under the name that REANA's engine uses."""
    return container.replace("docker://", "")


def _native(asked: Mapping[str, Any]) -> Resources:
    """Return the resources that Snakemake's own resources ask for. REANA ignores them."""
    values: dict[str, Any] = {}
    for name, (field, unit) in _NATIVE.items():
        value = asked.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            values[field] = int(value * unit)
    threads = asked["threads"]
    return Resources(cpus=threads if threads > 1 else None, **values)
