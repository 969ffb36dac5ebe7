"""The identity of a step's jobs: what decides their results, in parts that can be compared with those of another run.

It has the scripts, the image and the hints that change results. It does not have what a job asks for to be able to run,
such as its runtime, memory or partition.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from reana_batch.ir import Column, Command, Expansion, Pattern, Step
from reana_batch.writing.jobs import command_word, escaped, scripts

# Bytes of a digest. Digests are compared with those of one other run, so few are enough.
_SIZE = 8
# The hints on which the result of a job can depend.
_CHANGE_RESULTS = ("gpu", "gpu_model", "gres", "nodes", "tasks")


class ScriptPart(NamedTuple):
    """A script of a step, or a file of its server."""

    words: str  # its file in the step's folder, or its pieces and columns, as in job.sh
    digest: str  # of its text, without the cells of its columns
    origin: str  # its place in the analysis


def digest(*texts: str) -> str:
    """Return the digest of texts, which is the same for the same texts joined together."""
    found = hashlib.blake2b(digest_size=_SIZE)
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def script_parts(step: Step) -> Iterator[ScriptPart]:
    """Yield the scripts of a step's jobs, and the files of its server."""
    for name, command in scripts(step):
        yield ScriptPart(command_word(name, command, step), _template(command), command.origin.short)
    if step.action.server:
        for name, text in step.action.server.files:
            yield ScriptPart(name, digest(escaped(text)), step.origin.short)


def _template(command: Command) -> str:
    return digest(*("\x1f" if isinstance(part, Column) else escaped(part) for part in command.parts))


def hints(step: Step) -> str:
    """Return the hints of a step that change results, as text."""
    found = ((name, step.asked.hints.get(name)) for name in _CHANGE_RESULTS)
    return " ".join(f"{name}={hint.value}" for name, hint in found if hint is not None)


def patterns(step: Step) -> tuple[str, ...]:
    """Return which rows of each parent a row waits for: the word of the pattern, or the folder of the mapping.

    It is empty if each row waits for all rows of each parent.
    """
    words = [
        need.pattern.value if isinstance(need.pattern, Pattern) else f"needs.{number}"
        for number, need in enumerate(step.needs)
    ]
    return () if set(words) <= {Pattern.ALL.value} else tuple(words)


def output_columns(step: Step) -> tuple[int, ...]:
    """Return the numbers of the columns that have outputs of the rows."""
    columns = step.table.columns
    return tuple(columns.index(output.name) for output in step.outputs if isinstance(output, Column))


def expansion_digest(expansion: Expansion, definition: str) -> str:
    """Return the digest of everything that an expansion is compiled from, except files of the workspace."""
    return digest(definition, json.dumps(expansion.state, sort_keys=True))
