"""The server of CWL steps: it runs the rows of a chunk by cwltool, and asks the job script to run their commands.

The job script starts it in the run directory with the step's folder. Each line of its standard input is a request, and
each line of its standard output is an answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from reana_batch.frontends.cwl.channel import Channel, Row
from reana_batch.frontends.cwl.node import find_node
from reana_batch.frontends.cwl.reasons import sentence
from reana_batch.frontends.cwl.records import TASK
from reana_batch.frontends.cwl.results import Missing, Results
from reana_batch.frontends.cwl.values import BadPick, Json


def main(folder: str) -> int:
    """Run rows until the job script ends."""
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is not an answer
    channel = Channel(sys.stdin, sink)
    task = json.loads((Path(folder) / TASK).read_bytes())
    server = _Server(task, channel)
    while row := channel.row():
        answer = _answer(server, row)
        if not answer:
            return 1
        channel.answer(answer)
    return 0


class _Server:
    """The server of a task, made when the first row needs it. So a fault of the task is one of the row."""

    def __init__(self, task: Json, channel: Channel) -> None:
        self._task, self._channel = task, channel
        self._run: Callable[[Row], None] | None = None
        self._step = ("", "")

    def reason(self, text: str) -> str:
        """Return a reason in one line."""
        return sentence(text, *self._step)

    def run(self, row: Row) -> None:
        self._run = self._run or self._made()
        self._run(row)

    def _made(self) -> Callable[[Row], None]:
        task, results = self._task, Results(os.environ["REANA_WORKSPACE"])
        path = find_node()
        if task["kind"] == "outputs":
            from reana_batch.frontends.cwl.outputs import collect

            return lambda _row: collect(results, task["outputs"], checksum=task["checksum"])
        from reana_batch.frontends.cwl.serving import Server, step_of

        self._step = step_of(task["task"])
        return Server(task, results, self._channel, path).run


def _answer(server: _Server, row: Row) -> str:
    """Run a row and return the answer. It is empty if the job script has ended."""
    from reana_batch.frontends.cwl.running import Broken, Failed, Lacks

    try:
        server.run(row)
    except EOFError:
        return ""
    except Failed as error:
        return f"failed {error.code}"
    except Lacks as error:
        kind, text = "lacks", server.reason(str(error))
    except (Broken, Missing, BadPick) as error:
        kind, text = "broken", server.reason(str(error))
    except OSError as error:
        kind, text = "broken", server.reason(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:  # noqa: BLE001  # cwltool raises what it happens to meet
        kind, text = "broken", server.reason(f"{type(error).__name__}: {error}")
    else:
        return "done"
    with open(row.err, "a", encoding="utf-8") as log:
        log.write(text + "\n")
    return f"{kind} {text}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
