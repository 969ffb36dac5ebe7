"""The cases of the golden files, and a program that compiles them all into one directory.

A case is a workflow of ``workflows.py`` or a file ``cases/NAME.yaml``. The first lines of the file may be:

    # args:        options of the command
    # backends:    the back ends to compile for
    # choose:      the back end to ask for, if it is not the one compiled for
    # file:        an input: ``cases/NAME.FILE``, or generated content
    # secrets:     the user's secrets, as NAME=VALUE or names of files
    # names only:  files that the golden file lists without their content

The module runs as a program, so that a test can compare the output of two processes in different surroundings.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from reana_batch import pipeline
from reana_batch.backends import BACKENDS, known_settings
from reana_batch.cli import main as command_line
from reana_batch.diagnostics import Diagnostics, Refused, render
from reana_batch.facts import ENV, FILE, Secret
from reana_batch.frontends import FRONTENDS
from reana_batch.lifecycle.creation import write_run
from reana_batch.reading import sites
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.spec import Spec
from reana_batch.secrets import store
from reana_batch.site import CredentialSettings
from reana_batch.version import __version__
from reana_batch.writing import libraries
from reana_batch.writing.render import packaged

from .workflows import WORKFLOWS, Scenario

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "samples"

# Copied unchanged into every run. The templates are their only source.
STATIC = {f"batch/{name}": libraries.text(name) for name in libraries.LIBRARIES} | {
    "batch/pyslurm_sbatch.py": packaged("slurm/pyslurm_sbatch.py"),
}


@dataclass(frozen=True)
class Case:
    """A workflow to compile, and the back ends to compile it for."""

    name: str
    backends: tuple[str, ...] = tuple(BACKENDS)
    spec: Path | None = None  # None: a workflow of workflows.py
    args: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    names_only: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    choose: tuple[str, ...] = ()

    def compile(self, backend: str, directory: Path) -> None:
        """Write ``directory/run`` as the tool does, and the user's output to ``stderr`` and ``stdout`` next to it."""
        directory.mkdir(parents=True)
        run = directory / "run"
        try:
            if self.spec:
                self._keep_secrets(directory / "home")
                asked = (*(self.choose or (backend,)), "-o", str(run))
                said, told = _compile_spec(self.staged(directory), (*self.args, "-b", *asked))
            else:
                said, told = _compile_scenario(WORKFLOWS[self.name](), backend, run), ""
        except Exception:  # noqa: BLE001  # a case that crashes must not hide the others; its own test fails
            (directory / "crash").write_text(traceback.format_exc(), "utf-8")
            said = told = ""
        for name, text in (("stderr", said), ("stdout", told)):
            (directory / name).write_text(text.replace(str(directory), "DIR"), "utf-8")

    def _keep_secrets(self, home: Path) -> None:
        os.environ["HOME"] = str(home)
        kept = store(CredentialSettings().secrets)
        for word in self.secrets:
            name, equals, value = word.partition("=")
            kept.add(Secret(name, ENV if equals else FILE), (value or name).encode())

    def staged(self, directory: Path) -> Path:
        """Return the copy of the spec in a directory of its own, next to its inputs."""
        assert self.spec is not None
        if self.spec.is_relative_to(SAMPLES):
            return self.spec
        analysis = directory / self.name
        for path in self.inputs:
            (analysis / path).parent.mkdir(parents=True, exist_ok=True)
            written = HERE / "cases" / f"{self.name}.{Path(path).name}"
            text = written.read_text("utf-8") if written.exists() else f"{path}\n"
            (analysis / path).write_text(text, "utf-8")
        analysis.mkdir(exist_ok=True)
        (analysis / "reana.yaml").write_bytes(self.spec.read_bytes())
        return analysis / "reana.yaml"


def _compile_spec(spec: Path, args: tuple[str, ...]) -> tuple[str, str]:
    """Return what the command writes to stderr and to stdout."""
    told = io.BytesIO()
    stdout = io.TextIOWrapper(told, "utf-8")
    with (
        contextlib.redirect_stderr(io.StringIO()) as stderr,
        contextlib.redirect_stdout(stdout),
        contextlib.suppress(SystemExit),
    ):
        command_line.main(["compile", "-f", str(spec), *args], standalone_mode=False)
    return stderr.getvalue(), told.getvalue().decode()


def _compile_scenario(scenario: Scenario, backend: str, run: Path) -> str:
    diagnostics = Diagnostics()
    site = sites.resolve(
        f"generic-{backend}" if backend != "make" else "local",
        scenario.settings,
        None,
        diagnostics,
        {},
        known=known_settings(),
    )
    try:
        compilation = pipeline.lower(scenario.workflow, site.site, backend, diagnostics)
        if scenario.workflow.expansions:
            compilation = replace(compilation, spec=_smallest_spec(run.parent / "flow", diagnostics))
        write_run(compilation, run)
    except Refused as refused:
        diagnostics = refused.diagnostics
    return render(diagnostics, diagnostics.sources)


def _smallest_spec(directory: Path, diagnostics: Diagnostics) -> Spec:
    directory.mkdir()
    (directory / "reana.yaml").write_text("workflow: {type: cwl, file: flow.cwl}\n", "utf-8")
    return read_spec(directory / "reana.yaml", FRONTENDS, diagnostics)


def _read_case(path: Path) -> Case:
    keys = ("args", "backends", "choose", "file", "names only", "secrets")
    given: dict[str, list[str]] = {key: [] for key in keys}
    for line in path.read_text("utf-8").splitlines():
        name, colon, value = line.removeprefix("# ").partition(": ")
        if not (line.startswith("# ") and colon and name in given):
            break
        given[name] += [value] if name == "file" else shlex.split(value)
    backends = tuple(given["backends"]) or tuple(BACKENDS)
    rest = (tuple(given[name]) for name in ("args", "file", "names only", "secrets", "choose"))
    return Case(path.stem, backends, path, *rest)


CASES = (
    *(_read_case(path) for path in sorted((HERE / "cases").glob("*.yaml"))),
    *(Case(name, names_only=make().names_only) for name, make in WORKFLOWS.items()),
)

_SAMPLE_SECRETS = (
    *("CERN_USER=alice", "CERN_KEYTAB=alice.keytab", "alice.keytab"),
    *("userkey.pem", "usercert.pem", "VONAME=escape", "RUCIO_USERNAME=alice"),
)

# These are compiled and compared too, but have no golden files: other tests read and run them.
SAMPLE_CASES = tuple(
    Case(f"sample-{spec.parent.name}", spec=spec, secrets=_SAMPLE_SECRETS)
    for spec in sorted(SAMPLES.glob("*/reana.yaml"))
)

# Every golden file, as (case, back end).
GOLDEN = [(case, backend) for case in CASES for backend in case.backends]


def golden_path(case: Case, backend: str) -> Path:
    return HERE / backend / f"{case.name}.txt"


# --- a run directory as one text -----------------------------------------------------------------


def whole_text(directory: Path, names_only: tuple[str, ...] = ()) -> str:
    """Return what the user sees, then each generated file, then the folders and inputs by name."""
    run = directory / "run"
    parts = [(name, (directory / name).read_text("utf-8")) for name in ("stderr", "stdout")]
    for path in sorted(run.glob("batch/**/*")):
        name = str(path.relative_to(run))
        if path.is_file() and name not in STATIC:
            parts.append((f"{name} [not shown]", "") if path.name in names_only else _section(path, name))
    others = sorted(p for p in run.glob("**/*") if "batch" not in p.relative_to(run).parts)
    parts += [(f"{p.relative_to(run)}{'/' if p.is_dir() else ''}", "") for p in others]
    return "".join(f"==> {name}\n{text}" for name, text in parts)


def _section(path: Path, name: str) -> tuple[str, str]:
    # newline="": a carriage return must be visible and not count as the end of a line.
    with path.open(encoding="utf-8", newline="") as stream:
        text = stream.read().replace(f'"reana_batch": "{__version__}"', '"reana_batch": "VERSION"')
    marks = " [executable]" if path.stat().st_mode & 0o100 else ""
    if text and not text.endswith("\n"):
        marks += " [no newline at the end]"
        text += "\n"
    return name + marks, text


def main() -> None:
    """Compile every case and sample into the directory named on the command line."""
    for case in (*CASES, *SAMPLE_CASES):
        for backend in case.backends:
            case.compile(backend, Path(sys.argv[1]) / backend / case.name)


if __name__ == "__main__":
    main()
