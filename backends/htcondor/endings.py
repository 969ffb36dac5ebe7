"""What HTCondor and DAGMan wrote down of a run's jobs: in DAGMan's log of its nodes, and in DAGMan's own log.

Both remain after the jobs have left the queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from reana_batch.backends.htcondor.events import events
from reana_batch.backends.htcondor.nodes import DAG_FILE, step_and_chunk
from reana_batch.run.parts import Run
from reana_batch.run.queue import ALL_DONE, EXITED
from reana_batch.run.small_files import tail


def endings(directory: Path) -> dict[tuple[str, int], str]:
    """Return why the last jobs of nodes did not end by themselves, by step and chunk.

    The source is DAGMan's log of its nodes, which remains after the jobs have left the queue.
    """
    told = dict(_refused(directory / f"{DAG_FILE}.dagman.out"))
    node_of: dict[str, tuple[str, int]] = {}
    for number, job, lines in events(directory / f"{DAG_FILE}.nodes.log"):
        if number == "000":
            names = [line.removeprefix("DAG Node: ") for line in lines if line.startswith("DAG Node: ")]
            node = step_and_chunk(names[0]) if names else None
            if node:
                node_of[job] = node
                told.pop(node, None)
        elif job in node_of and number in _EVENTS:
            reason = _EVENTS[number](" ".join(lines))
            if reason:
                told[node_of[job]] = reason
    return told


def last_words(directory: Path) -> str:
    """Return the jobs that were ended after their work, and the errors in DAGMan's logs."""
    run, ended = Run(directory), endings(directory)
    done = (
        f"{step.label} ({step.origin}): {ALL_DONE} ({ended[step.name, chunk]})."
        for step in run.manifest.steps
        for chunk in run.records(step).done_chunks()
        if (step.name, chunk) in ended
    )
    return "\n".join((*done, _log_errors(directory))).rstrip()


def _log_errors(directory: Path) -> str:
    """Return the last errors in DAGMan's log, or the output of DAGMan without a log."""
    lines = tail(directory / f"{DAG_FILE}.dagman.out", _LOG_LINES).splitlines()
    errors = [_STAMP.sub("", line) for line in lines if _ERROR.search(line)]
    return "\n".join(errors[-_MOST_ERRORS:]) or tail(directory / f"{DAG_FILE}.lib.err", _MOST_ERRORS)


def _refused(log: Path) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the nodes that the schedd refused, with the reason. DAGMan may try a node several times."""
    if not log.exists():
        return
    node = None
    with log.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if " Submitting node " in line:
                node = step_and_chunk(line.partition(" Submitting node ")[2].partition(" ")[0])
            elif " submit error: " in line and node:
                reason = [line.partition(" submit error: ")[2].strip(), next(stream, "").strip()]
                yield node, f"refused by HTCondor ({' '.join(reason).strip()})"


def _why_terminated(text: str) -> str:
    killed = re.search(r"Abnormal termination \(signal (\d+)\)", text)
    if killed:
        return f"killed by signal {killed[1]}" + (", mostly for memory" if killed[1] == "9" else "")
    code = re.search(r"return value (\d+)", text)
    return "" if code is None or code[1] == "0" else f"{EXITED} {code[1]}"


def _why_aborted(text: str) -> str:
    by_hand = re.search(r"via condor_rm \(by user (\S+)\)", text)
    if by_hand:
        return f"removed by hand by {by_hand[1]}"
    if "OtherJobRemoveRequirements" in text:
        return "removed together with the run"
    # Our own periodic_remove tests the time only. The second text is that of CERN.
    if "PeriodicRemove" in text or "wall time exceeded" in text:
        return "removed because it reached its time limit"
    return f"removed by HTCondor ({text.rstrip('.')})"


# The number of lines that are read from the end of DAGMan's log, and of errors that are shown.
_LOG_LINES, _MOST_ERRORS = 200, 5
_ERROR = re.compile(r"(?:^|\s)(?:ERROR|EXCEPT|FATAL)\b|\bAborting\b|^\S+ \S+ Failed to ")
_STAMP = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
_EVENTS: dict[str, Callable[[str], str]] = {
    "005": _why_terminated,
    "009": _why_aborted,
    "012": lambda text: f"held ({text})",
}
