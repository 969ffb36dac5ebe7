"""The code of the child processes: ``python -m benchmarks.measured WHAT ARGUMENT...``.

A child that prints a number measured a part of its work, in CPU seconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

# What the bare loop writes in one turn: a line, or a word if each word of a line has its own job.
_LONG_LINE = 4096
_WORDS = re.compile(r"\S+\s*")


def compile_workflow(kind: str, size: str, backend: str, directory: str) -> None:
    """Compile a workflow that is built as the compiler's own data."""
    from benchmarks.cases import WORKFLOWS
    from reana_batch import pipeline
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.lifecycle.creation import write_run
    from reana_batch.site import Site

    workflow = WORKFLOWS[kind](int(size))
    write_run(pipeline.lower(workflow, Site(), backend, Diagnostics()), Path(directory))


def write_again(source: str, target: str) -> None:
    """Write the same bytes to the same paths below ``target``. Reading them does not count."""
    seconds = 0.0
    for folder, _, files in os.walk(source):
        copy = target + folder.removeprefix(source)
        begin = process_time()
        os.mkdir(copy, 0o700)
        seconds += process_time() - begin
        for name in files:
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8", newline="") as stream:
                pieces = _pieces(stream.read())
            mode = os.stat(path).st_mode
            begin = process_time()
            descriptor = os.open(f"{copy}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with open(descriptor, "w", encoding="utf-8", newline="") as stream:
                for piece in pieces:  # noqa: FURB122  # the bare loop is the peer
                    stream.write(piece)
            seconds += process_time() - begin
    print(seconds)


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        pieces += _WORDS.findall(line) if len(line) > _LONG_LINE else [line]
    return pieces


def load_spec(path: str) -> None:
    """Read and check an analysis, and build its workflow."""
    from reana_batch import frontends
    from reana_batch.diagnostics import Diagnostics
    from reana_batch.frontends import serial  # noqa: F401  # imports are not counted
    from reana_batch.reading.analysis import read_spec

    diagnostics = Diagnostics()
    begin = process_time()
    workflow = frontends.load(read_spec(Path(path), frontends.FRONTENDS, diagnostics), diagnostics)
    seconds = process_time() - begin
    diagnostics.stop_if_errors()
    assert workflow is not None
    print(seconds)


def load_yaml(path: str) -> None:
    """Read the same file with libyaml alone."""
    import yaml

    begin = process_time()
    yaml.load(Path(path).read_bytes(), Loader=yaml.CSafeLoader)
    print(process_time() - begin)


def scan_yaml(path: str) -> None:
    """Parse the same file with libyaml alone, up to its first fault."""
    import contextlib

    import yaml

    with contextlib.suppress(yaml.YAMLError):
        for _ in yaml.parse(Path(path).read_bytes(), Loader=yaml.CSafeLoader):
            pass


def expand_yadage(directory: str, model: str) -> None:
    """Expand a workflow without running a job. ``model`` is the data model of packtivity."""
    import tempfile

    os.environ["PACKTIVITY_DATAMODEL_IMPL"] = model

    import yaml
    from packtivity.syncbackends import defaultsyncbackend
    from yadage.creators import handlers

    initial = yaml.safe_load(Path(directory, "reana.yaml").read_text("utf-8"))["inputs"]["parameters"]
    publish = defaultsyncbackend().prepublish
    with tempfile.TemporaryDirectory() as workspace:
        controller = handlers["local"](
            workspace, "workflow.yaml", initial, toplevel=directory, dataarg=f"local:{workspace}"
        )
        workflow = controller.adageobj
        while True:
            for node in map(workflow.dag.getNode, workflow.dag.nodes()):
                if node.expected_result is None:
                    task = node.task
                    node.expected_result = publish(task.spec, task.parameters.json(), task.state)
            applicable = [rule for rule in workflow.rules if rule.applicable(workflow)]
            for rule in applicable:
                rule.apply(workflow)
                workflow.rules.remove(rule)
                workflow.applied_rules.append(rule)
            if not applicable:
                return


def walk_cwl(directory: str) -> None:
    """Have cwltool run a workflow whose jobs make empty files and start no process."""
    from unittest import mock

    from cwltool.job import CommandLineJob
    from cwltool.main import main

    def end(job: CommandLineJob, *_: object) -> None:
        os.makedirs(job.outdir, exist_ok=True)
        Path(job.outdir, job.stdout or "").touch()
        assert job.output_callback is not None
        job.output_callback(job.collect_outputs(job.outdir, 0), "success")

    scratch = [f"--{name}={directory}/scratch/" for name in ("tmpdir-prefix", "tmp-outdir-prefix")]
    words = ["--quiet", "--no-container", *scratch, f"--outdir={directory}/outputs"]
    with mock.patch.object(CommandLineJob, "run", end), open(os.devnull, "w", encoding="utf-8") as nowhere:
        code = main([*words, f"{directory}/workflow.cwl", f"{directory}/job.json"], stdout=nowhere)
    assert code == 0


_WORK: dict[str, Callable[..., None]] = {
    "compile": compile_workflow,
    "write-again": write_again,
    "load-spec": load_spec,
    "load-yaml": load_yaml,
    "scan-yaml": scan_yaml,
    "expand-yadage": expand_yadage,
    "walk-cwl": walk_cwl,
}

if __name__ == "__main__":
    _WORK[sys.argv[1]](*sys.argv[2:])
