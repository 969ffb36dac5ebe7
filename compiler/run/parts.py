"""What has become of a run, read from the records that its jobs leave.

The records are the truth about a job, whatever a scheduler says: ``.started``, then ``.done`` or
``.failed``. Reading them changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reana_batch import files, layout, patterns
from reana_batch.diagnostics import refuse
from reana_batch.run.failures import REFUSED_EXIT, Failure
from reana_batch.run.queue import EXITED
from reana_batch.run.records import damaged, integer, names_in, read_json, read_record

# Jobs of a step whose duration is looked at.
_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How many jobs of a step are where."""

    name: str
    label: str
    origin: str
    total: int
    done: int = 0
    failed: int = 0
    running: int = 0

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.failed - self.running


@dataclass(frozen=True, slots=True)
class OpenExpansion:
    """A part of the graph that nothing is known of yet: what it waits for, and why."""

    label: str
    origin: str
    reason: str


@dataclass
class Run:
    """A run directory, and what is known of it so far; Refused if there is no run in it, or a damaged one.

    What its expansions have compiled are runs too, the parts of this one.
    """

    directory: Path
    path: str = ""  # of a part: the names of its expansions, a slash behind each; before the names of its steps
    manifest: dict[str, Any] = field(init=False)
    _complete: set[str] = field(default_factory=set)
    _parts: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.directory / layout.MANIFEST
        if not files.is_there(path):
            raise refuse("unknown-run", f"There is no run in {self.directory}.")
        self.manifest = read_json(path)
        if not _is_manifest(self.manifest):
            raise damaged(path)

    @property
    def guests(self) -> dict[str, set[str]]:
        """The steps that are handed on to another batch system than the run's own, by its name."""
        found: dict[str, set[str]] = {}
        for part in self.parts():
            for step in part.manifest["steps"]:
                if "backend" in step:
                    found.setdefault(step["backend"], set()).add(part.path + step["name"])
        return found

    def parts(self) -> list[Run]:
        """Return this run and what its expansions have compiled so far, each part behind the one it follows from."""
        found: list[Run] = [self]
        for part in found:  # which grows meanwhile
            found += part.compiled().values()
        return found

    def compiled(self) -> dict[str, Run]:
        """Return the part that each expansion of this one has compiled so far, by the expansion's name."""
        parts = {expansion["name"]: self._part(expansion["name"]) for expansion in self.expansions}
        return {name: part for name, part in parts.items() if part is not None}

    def is_complete(self, progress: Sequence[StepProgress]) -> bool:
        """Return whether all jobs are done, by what :meth:`progress` returned, and none can come any more."""
        return all(step.done == step.total for step in progress) and not self.open_expansions()

    @property
    def expansions(self) -> list[dict[str, Any]]:
        """The records of the expansions of this part alone."""
        records: list[dict[str, Any]] = self.manifest.get("expansions", [])
        return records

    def _part(self, name: str) -> Run | None:
        directory = self.directory / layout.expansion_folder(name)
        list(names_in(directory.parent))  # which makes a network file system ask its server again
        if name not in self._parts and files.is_there(directory / layout.MANIFEST):
            self._parts[name] = Run(directory, f"{self.path}{name}/")
        return self._parts.get(name)

    def open_expansions(self) -> list[OpenExpansion]:
        """Return the expansions that nothing has been compiled of yet."""
        return [
            OpenExpansion(expansion["label"], expansion["origin"], expansion["reason"])
            for part in self.parts()
            for expansion in part.expansions
            if expansion["name"] not in part.compiled()
        ]

    def progress(self) -> list[StepProgress]:
        """Return the counts of every step, in order; a step once seen complete is not read again."""
        return [progress for part in self.parts() for progress in part.own_progress()]

    def own_progress(self) -> list[StepProgress]:
        """Return the counts of every step of this part alone."""
        return [self.step_progress(step) for step in self.manifest["steps"]]

    def step_progress(self, step: dict[str, Any]) -> StepProgress:
        """Return the counts of one step of this part."""
        name, rows = step["name"], step["rows"]
        head = (self.path + name, step["label"], step["origin"], rows)
        if name in self._complete:
            return StepProgress(*head, done=rows)
        done, failed, started = self._records(step)
        if len(done) == rows:
            self._complete.add(name)
        return StepProgress(*head, len(done), len(failed - done), len(started - done - failed))

    def _records(self, step: dict[str, Any]) -> tuple[set[int], set[int], set[int]]:
        """Return the rows that are done, that failed, and that a job is at or was at last."""
        found: dict[str, set[int]] = {"done": set(), "failed": set(), "started": set()}
        for shard in layout.row_folders(step["rows"]):
            for name in names_in(self.directory / layout.STATE / step["folder"] / shard):
                stem, _, ending = name.rpartition(".")
                if ending in found and stem.isdecimal():
                    found[ending].add(int(stem))
        done, failed = found["done"], found["failed"]
        ended = done | failed
        return done, failed, {self._row_at(step, first, ended) for first in found["started"]}

    def lost_rows(self, step: dict[str, Any]) -> set[int]:
        """Return the rows of a step of this part that a job was at last, and that have no record of their end."""
        done, failed, started = self._records(step)
        return started - done - failed

    def _row_at(self, step: dict[str, Any], first: int, ended: set[int]) -> int:
        """Return the row that the chunk is at which begins with the row ``first``; its last if they have all ended."""
        rows = _chunk(step, first // step["chunk_size"])
        if len(rows) == 1 or ended.issuperset(rows):
            return rows[-1]
        return integer(read_record(self._state(step, first, "started")).get("row")) or first

    def _state(self, step: Mapping[str, Any], row: int, ending: str) -> Path:
        return self.directory / f"{layout.STATE}/{step['folder']}/{layout.row_stem(row, step['rows'])}.{ending}"

    def is_skipped(self, step: Mapping[str, Any], chunk: int) -> bool:
        """Return whether a job of a chunk did not start because of what it waits for."""
        return any(self._state(step, row, "skipped").exists() for row in _chunk(step, chunk))

    def done_chunks(self, step: dict[str, Any]) -> Iterator[int]:
        """Yield the chunks of a step whose rows are all done."""
        done, _, _ = self._records(step)
        for chunk in range(-(-step["rows"] // step["chunk_size"])):
            if done.issuperset(_chunk(step, chunk)):
                yield chunk

    def durations(self) -> dict[str, float]:
        """Return the mean seconds that a job of each step took, by the step's name; of finished jobs only."""
        spans: dict[str, list[int]] = {}
        for part in self.parts():
            for step in part.manifest["steps"]:
                spans.setdefault(step["name"], []).extend(part.spans(step))
        # Times are whole seconds: what took none took half of one, on average.
        return {name: max(sum(found) / len(found), 0.5) for name, found in spans.items() if found}

    def spans(self, step: dict[str, Any]) -> Iterator[int]:
        """Yield the seconds that jobs of a step of this part took."""
        for row in sorted(self._records(step)[0])[:_SAMPLE]:
            record = read_record(self._state(step, row, "done"))
            yield integer(record.get("ended")) - integer(record.get("started"))

    def failures(self, endings: Mapping[tuple[str, int], str] = MappingProxyType({})) -> list[Failure]:
        """Return the failed jobs, the one that started first in front.

        ``endings`` say by step and chunk why the scheduler ended jobs: they stand for records that the
        jobs could not write any more, and explain a signal.
        """
        found = (failure for part in self.parts() for failure in part.own_failures(endings))
        return sorted(found, key=lambda failure: failure.started or sys.maxsize)

    def own_failures(self, endings: Mapping[tuple[str, int], str]) -> Iterator[Failure]:
        """Yield the failed jobs of this part."""
        for step in self.manifest["steps"]:
            if step["name"] not in self._complete:
                name = self.path + step["name"]
                for row in self._failed_rows(step, {chunk for ended, chunk in endings if ended == name}):
                    yield self._failure(step, row, endings.get((name, row // step["chunk_size"]), ""))

    def _failed_rows(self, step: dict[str, Any], ended: set[int]) -> list[int]:
        """Return the rows with a failed record, and of each chunk that was ended without one the row it was at."""
        done, failed, started = self._records(step)
        for chunk in ended:
            rows = _chunk(step, chunk)
            open_rows = {row for row in {*rows} - done - failed if not self._state(step, row, "skipped").exists()}
            if open_rows and not failed.intersection(rows):
                failed.add(max(open_rows & started, default=min(open_rows)))
        return sorted(failed - done)

    def _failure(self, step: dict[str, Any], row: int, ending: str) -> Failure:
        stem = f"{step['folder']}/{layout.row_stem(row, step['rows'])}"
        record = read_record(self._state(step, _chunk(step, row // step["chunk_size"])[0], "started"))
        if record.get("row") != str(row):
            record = {}
        record |= read_record(self._state(step, row, "failed"))
        if ending and ("reason" not in record or (record["reason"] == "signal" and not ending.startswith(EXITED))):
            record |= {"reason": "scheduler", "detail": ending}
        expands = any(expansion["name"] == step["name"] for expansion in self.expansions)
        if expands and (record.get("reason"), record.get("exit_code")) == ("command", REFUSED_EXIT):
            record["reason"] = "expansion"
        if "row_origins" in step and record.get("reason") == "command":
            record["reason"] = "data"
        log = self.directory / layout.LOGS / stem
        return Failure(
            step=self.path + step["name"],
            label=row_label(step, row),
            origin=row_origin(step, row),
            row=row,
            rows=namesakes(step),
            command=self._command(step["folder"], stem, record.get("command", "1")),
            exit_code=integer(record.get("exit_code")),
            reason=record.get("reason", ""),
            detail=record.get("detail", ""),
            host=record.get("host", ""),
            scheduler_job=record.get("scheduler_job", ""),
            started=integer(record.get("started")),
            stdout=log.with_name(f"{log.name}.out"),
            stderr=log.with_name(f"{log.name}.err"),
        )

    def _command(self, folder: str, stem: str, number: str) -> str:
        """Return the script that failed: of a step with a table it was kept beside the record."""
        kept = self.directory / layout.STATE / f"{stem}.command"
        path = kept if kept.exists() else self.directory / layout.BATCH / "steps" / folder / f"command.{number}"
        return files.read_text(path) if path.exists() else ""

    def missing_outputs(self) -> list[str]:
        """Return the declared outputs that are not in the workspace: paths, and patterns that match no file."""
        declared = self.manifest["outputs"]
        return [path for path in declared["files"] + declared["directories"] if not self._made(path)]

    def _made(self, output: str) -> bool:
        workspace = self.directory / layout.WORKSPACE
        if not patterns.is_pattern(output) or os.path.lexists(workspace / output):
            return files.is_there(workspace / output)
        return any(files.is_there(workspace / path) for path, _ in patterns.find(workspace, output))


def _chunk(step: Mapping[str, Any], chunk: int) -> range:
    """Return the rows of a chunk."""
    size: int = step["chunk_size"]
    return range(chunk * size, min((chunk + 1) * size, step["rows"]))


def row_origin(step: dict[str, Any], row: int) -> str:
    """Return the place of a row: that of its own line in the analysis, or that of its step."""
    if "row_names" in step:
        return str(step["row_names"][row][1])
    origins: list[str] | None = step.get("row_origins")
    return origins[row] if origins else str(step["origin"])


def row_label(step: dict[str, Any], row: int) -> str:
    """Return the author's name for a row: its own, or that of its step."""
    return str(step["row_names"][row][0] if "row_names" in step else step["label"])


def namesakes(step: dict[str, Any]) -> int:
    """Return how many rows have the label of a row."""
    return 1 if "row_names" in step else int(step["rows"])


def _is_manifest(value: Any) -> bool:
    """Return whether a manifest has the form that the commands count on."""
    texts, lists = ("name", "label", "folder", "origin"), ("files", "directories")
    return (
        value.keys() >= {"backend", "outputs", "steps"}
        and isinstance(value["backend"], str)
        and isinstance(value["outputs"], dict)
        and all(_are_texts(value["outputs"].get(name)) for name in lists)
        and _are_texts(value.get("tests", []))
        and _are_records(value["steps"], texts)
        and all(type(step.get(name)) is int and step[name] > 0 for step in value["steps"] for name in _COUNTS)
        and _are_records(value.get("expansions", []), ("name", "label", "origin", "reason"))
    )


_COUNTS = ("rows", "chunk_size")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_records(value: Any, names: tuple[str, ...]) -> bool:
    """Return whether a value is a list of mappings that have texts of these names."""
    return isinstance(value, list) and all(
        isinstance(each, dict) and all(isinstance(each.get(name), str) for name in names) for each in value
    )
