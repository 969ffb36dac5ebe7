"""Run the rows of a CWL step: from a request to the result of a job."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reana_batch.frontends.cwl.channel import Channel, Row
from reana_batch.frontends.cwl.links import settle
from reana_batch.frontends.cwl.results import Results
from reana_batch.frontends.cwl.running import Command, Step
from reana_batch.frontends.cwl.values import Json


class Server:
    """Runs the rows of a step."""

    def __init__(self, task: Json, results: Results, channel: Channel, path: str) -> None:
        self._task, self._results, self._channel = task, results, channel
        frozen = results.absolute(task["task"])
        self._step = Step(frozen, task["checksum"], results.workspace, path, task["strict"])
        self._common = {port: results.known(value) for port, value in task["common"].items()}

    def run(self, row: Row) -> None:
        """Run a row and write its result."""
        request = json.loads(Path(row.request).read_bytes())
        own = {port: self._results.known(value) for port, value in request.items()}
        outdir = os.path.join(self._results.workspace, self._task["base"], row.stem)
        directory = os.path.abspath(row.directory)

        def runner(command: Command) -> int:
            write_command(Path(row.directory), command)
            return self._channel.run(command.seconds)

        outputs = self._step.run({**self._common, **own}, outdir, directory, runner, container=row.place == "image")
        settle(outdir, self._results.paths)
        self._results.write(f"{outdir}.json", outputs)


def step_of(frozen: Json) -> tuple[str, str]:
    """Return the name and the place of a frozen step."""
    step = frozen["document"]["steps"][0]
    name = str(step["id"]).rpartition("#")[2].removeprefix("main/")
    where = frozen["places"][0]
    return name, f"{frozen['files'][where[0]]}:{where[1] + 1}:{where[2] + 1}"


def write_command(directory: Path, command: Command) -> None:
    """Write what the job script needs for a command."""
    (directory / "command").write_text(command.script, encoding="utf-8")
    (directory / "mounts").unlink(missing_ok=True)
    (directory / "isolated").unlink(missing_ok=True)
    if command.mounts:
        text = "".join(f"{part}\0" for mount in command.mounts for part in mount)
        (directory / "mounts").write_text(text, encoding="utf-8")
    if command.isolated:
        (directory / "isolated").touch()
