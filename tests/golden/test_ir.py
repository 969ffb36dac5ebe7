"""The workflow after the front end and after all passes, as text and as a value.

``REWRITE_GOLDEN=1`` accepts changes, as for the other golden files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reana_batch.backends import known_settings, lowering
from reana_batch.backends.placement import choose, delegate
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends import FRONTENDS, load
from reana_batch.ir import Workflow
from reana_batch.passes import run_passes
from reana_batch.passes.context import Context
from reana_batch.reading import sites
from reana_batch.reading.analysis import read_spec
from reana_batch.report import ir_text

from . import golden_cases
from .test_golden import REWRITE
from .workflows import WORKFLOWS

FOLDER = Path(__file__).parent / "ir"


@dataclass(frozen=True)
class Source:
    """A case of golden_cases, and the site that it is compiled for."""

    case: str
    site: str
    backend: str | None = None

    def compiled(self, directory: Path) -> Iterator[Workflow]:
        """Yield the workflow after the front end, and after all passes, and ignore all faults."""
        diagnostics = Diagnostics()
        case = CASES[self.case]
        settings: tuple[str, ...] = ()
        if case.spec is None:
            workflow, settings = WORKFLOWS[self.case]().workflow, WORKFLOWS[self.case]().settings
        else:
            read = load(read_spec(case.staged(directory), FRONTENDS, diagnostics), diagnostics)
            assert read is not None
            workflow = read
        yield workflow
        site = sites.resolve(self.site, settings, None, diagnostics, {}, known=known_settings()).site
        choice = choose(workflow, site, self.backend, diagnostics)
        workflow = delegate(workflow, choice, site, diagnostics)
        yield run_passes(workflow, Context(lowering(choice.engine).target(site), site, diagnostics))


CASES = {case.name: case for case in (*golden_cases.CASES, *golden_cases.SAMPLE_CASES)}

SOURCES = {
    each.case: each
    for each in (
        Source("sample-diamond", "generic-htcondor"),
        Source("sample-wordcount", "generic-slurm"),
        Source("sample-toys", "generic-slurm"),
        Source("sample-published", "generic-htcondor"),
        Source("mixed", "cern-lxplus", "auto"),
        Source("data", "cern-lxplus"),
        Source("snakemake", "generic-slurm"),
        Source("hints", "cern-lxplus"),
        Source("row-mapping-chunked", "generic-slurm"),
        Source("expansions", "generic-slurm"),
        Source("joins", "generic-slurm"),
        Source("server", "generic-slurm"),
    )
}


@pytest.fixture(scope="module")
def read_twice(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Workflow]]]:
    """Return the workflows of each source, compiled twice in the same place."""
    found = {}
    for name, source in SOURCES.items():
        twice = []
        for _ in range(2):
            directory = tmp_path_factory.getbasetemp() / f"ir-{name}"
            directory.mkdir()
            twice.append(list(source.compiled(directory)))
            shutil.rmtree(directory)
        found[name] = twice
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_the_workflow_is_what_the_golden_file_says(name: str, read_twice: dict[str, list[list[Workflow]]]) -> None:
    read, placed = read_twice[name][0]
    actual = (
        f"==> after the front end\n{''.join(ir_text.text(read))}==> after all passes\n{''.join(ir_text.text(placed))}"
    )
    path = FOLDER / f"{name}.txt"
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(actual, "utf-8")
    assert path.exists(), "no golden file yet: REWRITE_GOLDEN=1 makes it"
    assert actual.split("\n") == path.read_text("utf-8").split("\n")


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_analysis_gives_equal_workflows(name: str, read_twice: dict[str, list[list[Workflow]]]) -> None:
    for first, second in zip(*read_twice[name], strict=True):
        assert first is not second or CASES[name].spec is None
        assert first == second
        assert hash(first) == hash(second)


def test_every_file_has_its_source() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == SOURCES.keys()
