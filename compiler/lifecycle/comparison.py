"""Which jobs of a new run the jobs of an earlier one can replace, and why the others have to run.

The comparison changes nothing. `restart`, `run --reuse`, and the commands that only print the plan all use it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from reana_batch.run.manifest import StepEntry
from reana_batch.run.parents import Parent, Parents
from reana_batch.run.parts import Run
from reana_batch.run.records import RowStates
from reana_batch.run.row_texts import StepRows


class Reason(NamedTuple):
    """Why a job has to run."""

    kind: str  # new, command, values, image, hints, definition, input, output, unfinished, parent, asked, unknown
    text: str
    place: str = ""  # in the analysis


class OldRow(NamedTuple):
    """A row of the earlier run."""

    step: str
    row: int


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What happens to the rows of a step of the new run: each is in one of the two."""

    step: StepEntry
    kept: Mapping[int, OldRow]
    runs: Mapping[int, Reason]
    part: Plan | None = None  # what the step has compiled, if it is the planner of an expansion and is kept


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new run takes over from an earlier one."""

    steps: tuple[StepPlan, ...]
    orphans: Mapping[str, tuple[int, ...]]  # rows of the earlier run without a place in the new one, by step
    stale: tuple[str, ...] = ()  # declared outputs of jobs that run again, and of orphans: paths and patterns
    needed: tuple[str, ...] = ()  # declared outputs of jobs that are kept

    @property
    def kept(self) -> int:
        """The number of jobs that do not run, those of expansions included."""
        return sum(len(step.kept) + (step.part.kept if step.part else 0) for step in self.steps)

    @property
    def jobs(self) -> int:
        """The number of jobs that are known."""
        return sum(step.step.rows + (step.part.jobs if step.part else 0) for step in self.steps)

    @property
    def is_kept(self) -> bool:
        """Whether nothing runs."""
        return not any(step.runs or (step.part and not step.part.is_kept) for step in self.steps)


@dataclass(frozen=True)
class Circumstances:
    """What the comparison has to know about the world. It is asked only for rows with the same identity."""

    is_missing: Callable[[str], bool]  # is this output gone from the workspace?
    changed_input: Callable[[StepRows], Iterable[str]]  # for each row, the sentence about the input that has changed
    any_input: str = ""  # the sentence about an input that has changed
    selected: str = ""  # the option that makes all jobs run
    whole: bool = True  # does the new run have all of the workflow?


def unfinished(step: StepEntry, row: int, *, failed: bool) -> Reason:
    """Return why a row runs that the earlier run has not done."""
    return Reason("unfinished", "failed" if failed else "did not finish", step.row_origin(row))


def compare(old: Run, new: Run, around: Circumstances) -> Plan:
    """Return which rows of ``new`` have been done by ``old``, and why the others run."""
    return _Comparison(old, new, around).plan()


@dataclass
class _Comparison:
    old: Run
    new: Run
    around: Circumstances
    found: dict[str, StepPlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.old_steps = self.old.manifest.steps_by_name()
        self.new_steps = self.new.manifest.steps_by_name()
        self.old_parents = Parents(self.old)
        self.new_parents = Parents(self.new)
        self.digests = {e.name: (self.old_digest(e.name), e.digest) for e in self.new.manifest.expansions}
        self.shared: dict[tuple[str, str], _Shared] = {}

    def old_digest(self, name: str) -> str:
        return next((e.digest for e in self.old.manifest.expansions if e.name == name), "")

    def plan(self) -> Plan:
        matched, replaced, orphans = _matched(self.old, self.new)
        for step in self.new.manifest.steps:
            self.found[step.name] = self._step(step, matched[step.name], replaced[step.name])
        if not self.around.whole:
            return Plan(tuple(self.found.values()), {})
        plan = Plan(tuple(self.found.values()), orphans)
        return _with_outputs(self.old, plan)

    def _step(self, step: StepEntry, same: Mapping[int, OldRow], before: Mapping[int, OldRow]) -> StepPlan:
        kept: dict[int, OldRow] = {}
        runs: dict[int, Reason] = {}
        rows = StepRows(self.new.directory, step)
        walk = zip(rows.outputs(), self.around.changed_input(rows), strict=True)
        states = {name: self.old.records(self.old_steps[name]).states() for name in {old.step for old in same.values()}}
        for row, (outputs, changed) in enumerate(walk):
            reason = self._selected(step) or (
                self._own(step, row, same[row], states[same[row].step], outputs, changed)
                if row in same
                else self._difference(step, before.get(row))
            )
            if reason:
                runs[row] = reason
            else:
                kept[row] = same[row]
        part = self._part(step) if step.name in self.digests and kept else None
        return StepPlan(step, kept, runs, part)

    def _selected(self, step: StepEntry) -> Reason | None:
        option = self.around.selected
        return Reason("asked", f"you asked for it by {option}", step.origin) if option else None

    # --- a row that an earlier one resembles ---

    def _own(
        self, step: StepEntry, row: int, old: OldRow, states: RowStates, outputs: Sequence[str], changed: str
    ) -> Reason | None:
        """Return why a row runs although the earlier run has one with the same identity."""
        if step.name in self.digests and self.digests[step.name][0] != self.digests[step.name][1]:
            return Reason("definition", "what it is compiled from has changed", step.origin)
        if old.row not in states.done or (step.name in self.digests and step.name not in self.old.compiled()):
            return unfinished(step, row, failed=old.row in states.failed)
        if changed or (step.name in self.digests and self.around.any_input):
            return Reason("input", changed or self.around.any_input)
        gone = next((output for output in outputs if self.around.is_missing(output)), None)
        if gone is not None:
            return Reason("output", f"its output {gone} is gone", step.row_origin(row))
        return self._of_parents(step, row, old)

    def _of_parents(self, step: StepEntry, row: int, old: OldRow) -> Reason | None:
        """Return why a row runs because of what it waits for, or waited for."""
        for need, rows in self.new_parents.of(step, row):
            parent = self.found[need]
            again = parent.runs.keys() if rows is None else parent.runs.keys() & set(rows)
            if again or (parent.part and not parent.part.is_kept):
                return Reason("parent", f"waits for {parent.step.label}", step.row_origin(row))
        if self.around.whole and not self._same_parents(step, row, old):
            return Reason("parent", self._other_parents(step, old), step.row_origin(row))
        return None

    def _same_parents(self, step: StepEntry, row: int, old: OldRow) -> bool:
        """Return whether a row waits for the same rows as before: those that all rows wait for, and its own."""
        before, now = self.old_parents.of(self.old_steps[old.step], old.row), self.new_parents.of(step, row)
        names = (step.name, old.step)
        if names not in self.shared:
            self.shared[names] = _Shared(
                self._rows_before(each for each in before if each[1] is None),
                self._rows_now(each for each in now if each[1] is None),
            )
        return self.shared[names].are_equal_with(
            self._rows_before(each for each in before if each[1] is not None),
            self._rows_now(each for each in now if each[1] is not None),
        )

    def _rows_now(self, parents: Iterable[Parent]) -> set[OldRow]:
        """Return the earlier rows of parents that are kept."""
        found: set[OldRow] = set()
        for name, rows in parents:
            kept = self.found[name].kept
            found.update(kept.values() if rows is None else (kept[row] for row in rows))
        return found

    def _rows_before(self, parents: Iterable[Parent]) -> set[OldRow]:
        return {
            OldRow(name, row)
            for name, rows in parents
            for row in (range(self.old_steps[name].rows) if rows is None else rows)
        }

    def _other_parents(self, step: StepEntry, old: OldRow) -> str:
        before = {self.old_steps[need].label for need in self.old_steps[old.step].needs}
        now = {self.new_steps[need].label for need in step.needs}
        for text, labels in (("now waits for", now - before), ("no longer waits for", before - now)):
            if labels:
                return f"{text} {', '.join(sorted(labels))}"
        return "waits for other jobs"

    # --- a row that no earlier one resembles ---

    def _difference(self, step: StepEntry, old: OldRow | None) -> Reason:
        """Return how a row differs from the one in its place in the earlier run."""
        return Reason("new", "new", step.origin) if old is None else difference(self.old_steps[old.step], step)

    # --- expansions ---

    def _part(self, step: StepEntry) -> Plan | None:
        """Return the plan of what the planner ``step`` has compiled. It is kept as it is in the earlier run."""
        old = self.old.compiled().get(step.name)
        return compare(old, old, replace(self.around, changed_input=_unchanged)) if old else None


def difference(before: StepEntry, step: StepEntry) -> Reason:
    """Return how the jobs of a step differ from those of an earlier one in its place."""
    if not before.scripts:
        return Reason("unknown", "an older reana-batch made the run and did not say what it runs", step.origin)
    if step.environment != before.environment:
        return Reason("image", f"the image is now {step.environment or 'none'}", step.origin)
    if step.hints != before.hints:
        return Reason("hints", f"now asks for {step.hints or 'no GPU'}", step.origin)
    place = _changed_script(before, step)
    return (
        Reason("command", "the command changed", place)
        if place
        else Reason("values", "its values changed", step.origin)
    )


def _changed_script(old: StepEntry, new: StepEntry) -> str:
    """Return the place of the first script that differs, apart from its values. It is empty if none does."""
    digests = [part.digest for part in old.scripts]
    for number, part in enumerate(new.scripts):
        if digests[number : number + 1] != [part.digest]:
            return part.origin
    return new.origin if len(new.scripts) < len(digests) else ""


def _unchanged(rows: StepRows) -> Iterator[str]:
    return ("" for _ in range(rows.step.rows))


# --- which row is which -----------------------------------------------------------------------------


Matches = dict[str, dict[int, OldRow]]


def _matched(old: Run, new: Run) -> tuple[Matches, Matches, dict[str, tuple[int, ...]]]:
    """Return for the rows of ``new`` those of ``old`` with the same identity, and those in whose place they are.

    Return also the rows of ``old`` that are in neither.
    """
    rows_of: defaultdict[bytes, deque[OldRow]] = defaultdict(deque)
    for step in old.manifest.steps:
        for row, key in enumerate(StepRows(old.directory, step).keys() if step.scripts else ()):
            rows_of[key].append(OldRow(step.name, row))
    same: Matches = {}
    for step in new.manifest.steps:
        same[step.name] = {
            row: rows_of[key].popleft()
            for row, key in enumerate(StepRows(new.directory, step).keys())
            if rows_of.get(key)
        }
    taken = {row for rows in same.values() for row in rows.values()}
    left = _left(old, taken)
    return same, _replaced(new, same, left), {name: tuple(rows) for name, rows in left.items() if rows}


def _left(old: Run, taken: set[OldRow]) -> dict[str, dict[int, None]]:
    """Return the rows of each step that have no match, in order."""
    return {
        step.name: {row: None for row in range(step.rows) if OldRow(step.name, row) not in taken}
        for step in old.manifest.steps
    }


def _replaced(new: Run, same: Matches, left: dict[str, dict[int, None]]) -> Matches:
    """Return the rows of ``left`` in whose place a new row is: that of its number, or the next one of its step.

    They are taken out of ``left``.
    """
    found: Matches = {}
    for step in new.manifest.steps:
        rows = left.get(step.name, {})
        open_rows = [row for row in range(step.rows) if row not in same[step.name]]
        own = {row: row for row in open_rows if row in rows}
        for row in own:
            del rows[row]
        others = zip((row for row in open_rows if row not in own), tuple(rows), strict=False)
        pairs = {**own, **dict(others)}
        for row in pairs.values():
            rows.pop(row, None)
        found[step.name] = {row: OldRow(step.name, before) for row, before in pairs.items()}
    return found


@dataclass(frozen=True)
class _Shared:
    """The earlier rows that all rows of a step waited for, and those that they wait for now."""

    before: set[OldRow]
    now: set[OldRow]

    @cached_property
    def _differences(self) -> tuple[set[OldRow], set[OldRow]]:
        return self.before - self.now, self.now - self.before

    def are_equal_with(self, before: set[OldRow], now: set[OldRow]) -> bool:
        """Return whether both are the same together with the few that a single row has of its own."""
        gone, come = self._differences
        return gone <= now and come <= before and before - self.now <= now and now - self.before <= before


# --- outputs ----------------------------------------------------------------------------------------


def _with_outputs(old: Run, plan: Plan) -> Plan:
    """Return the plan with the declared outputs of the earlier run: what is stale, and what is needed."""
    kept: defaultdict[str, set[int]] = defaultdict(set)
    for each in plan.steps:
        for before in each.kept.values():
            kept[before.step].add(before.row)
    stale: dict[str, None] = {}
    needed: dict[str, None] = {}
    for step in old.manifest.steps_with_own_outputs():
        for row, outputs in enumerate(StepRows(old.directory, step).outputs()):
            (needed if row in kept[step.name] else stale).update(dict.fromkeys(outputs))
    parts = {each.step.name: each.part for each in plan.steps if each.part is not None}
    for name, part in old.compiled().items():
        stale.update(dict.fromkeys(parts[name].stale if name in parts else _outputs(part)))
        needed.update(dict.fromkeys(parts[name].needed if name in parts else ()))
    return replace(plan, stale=tuple(stale), needed=tuple(needed))


def _outputs(run: Run) -> Iterator[str]:
    """Yield all declared outputs of a part, and of those inside it."""
    for part, step in run.steps():
        for outputs in StepRows(part.directory, step).outputs():
            yield from outputs
