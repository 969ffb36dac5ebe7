"""The library call: what programs use instead of the command line."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

import reana_batch
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.cli.main import main
from reana_batch.diagnostics import refuse
from reana_batch.run import manifest

SPEC = """\
inputs:
  parameters: {count: 3, word: yes, ratio: 0.5}
workflow:
  type: serial
  specification:
    steps:
      - name: fit
        environment: docker.io/library/debian:12-slim
        commands:
          - echo ${count} ${word} ${ratio} > out.txt; echo told; ls missing
"""


@pytest.fixture
def analysis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of an analysis of one step that fails; it is the current directory."""
    (tmp_path / "reana.yaml").write_text(SPEC.replace("word: yes", "word: 'yes'"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(compilation: reana_batch.Compilation) -> str:
    return "".join(file.text for file in compilation.files() if isinstance(file.text, str) and "command" in file.path)


@pytest.mark.parametrize("kind", ["directory", "file", "text", "nothing"])
def test_the_analysis_is_named_by_file_or_directory(kind: str, analysis: Path) -> None:
    paths: dict[str, Path | str | None] = {
        "directory": analysis,
        "file": analysis / "reana.yaml",
        "text": str(analysis),
    }
    compilation = reana_batch.compile_workflow(paths.get(kind), site="local")
    assert (compilation.target.name, list(compilation.workflow.graph().nodes)) == ("make", ["fit"])
    assert sorted(each.name for each in analysis.iterdir()) == ["reana.yaml"]


@pytest.mark.usefixtures("analysis")
def test_values_and_words_mean_the_same() -> None:
    by_value = reana_batch.compile_workflow(
        site="local", parameters={"count": 7, "word": "no", "ratio": 0.25}, settings={"htcondor.retries": 4}
    )
    by_word = reana_batch.compile_workflow(
        site="local", parameters=["count=7", "word=no", "ratio=0.25"], settings=["htcondor.retries=4"]
    )
    assert by_value.site == by_word.site
    assert by_value.site.of(HTCondorSettings).retries == 4
    assert command(by_value) == command(by_word)
    assert "7 no 0.25" in command(by_value)


@pytest.mark.usefixtures("analysis")
@pytest.mark.parametrize(("given", "expected"), [(5, 5), ("5", 5), ("auto", "auto"), (None, None)])
def test_rows_per_job(given: int | str | None, expected: int | str | None) -> None:
    default = reana_batch.compile_workflow(site="local").site.rows_per_job
    site = reana_batch.compile_workflow(site="local", rows_per_job=given, queue_time=60).site
    assert (site.rows_per_job, site.queue_time) == (default if expected is None else expected, 60)


def test_options_are_those_of_the_command_line() -> None:
    arguments = inspect.signature(reana_batch.compile_workflow).parameters
    compiling = main.get_command(click.Context(main), "compile")
    assert compiling is not None
    options = {str(option.name) for option in compiling.params}
    assert options - arguments.keys() == {"file", "output", "dry_run", "force", "json", "against", "checksum", "runs"}
    assert arguments.keys() - options == {"path", "without_secrets"}
    assert {each.kind for name, each in arguments.items() if name != "path"} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.usefixtures("analysis")
def test_faults_raise() -> None:
    with pytest.raises(reana_batch.Refused) as refused:
        reana_batch.compile_workflow(site="local", parameters={"cuont": 1})
    (fault,) = refused.value.diagnostics.errors
    assert (fault.code, str(fault.hint)) == ("unknown-parameter", "did you mean count?")
    assert str(refused.value.diagnostics).endswith("hint: did you mean count?")


@pytest.mark.usefixtures("analysis")
def test_warnings_are_kept() -> None:
    diagnostics = reana_batch.compile_workflow(site="local").diagnostics
    assert isinstance(diagnostics, reana_batch.Diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["image-ignored"]
    assert str(diagnostics).startswith("warning: The site local runs 1 step on the machine itself")


@pytest.mark.usefixtures("analysis")
@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_of_the_caller_is_as_before(is_on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        reana_batch.compile_workflow(site="local")
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()


@pytest.mark.usefixtures("analysis")
def test_run() -> None:
    compilation = reana_batch.compile_workflow(site="local")
    run = reana_batch.write_run(compilation, "new/run")
    assert (repr(run), run.directory) == ("Run('new/run')", Path("new/run"))
    assert (run.status().state, run.failures(), run.logs()) == ("created", (), [])
    started = subprocess.run(compilation.start_command, shell=True, cwd="new/run", capture_output=True, check=False)
    assert started.returncode != 0
    status = reana_batch.Run("new/run").status()
    assert isinstance(status, reana_batch.RunStatus)
    assert (status.state, status.done, status.total) == ("failed", 0, 1)
    assert [(step.name, step.failed) for step in run.progress()] == [("fit", 1)]
    (failure,) = run.failures()
    assert failure.cause == "the command ended with exit code 2"
    (log,) = run.logs("fit", row=0)
    assert (log.stdout.read_text(), "missing" in log.stderr.read_text()) == ("told\n", True)
    assert [each.cause for each in run.logs()] == [failure.cause]
    followed = "".join(run.follow_logs())
    assert "told\n" in followed
    assert "missing" in followed


@pytest.mark.usefixtures("analysis")
def test_a_run_reads_its_manifest_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reana_batch.write_run(reana_batch.compile_workflow(site="local"), "run")
    read, paths = manifest.read, list[Path]()

    def note(path: Path) -> manifest.Manifest:
        paths.append(path)
        return read(path)

    monkeypatch.setattr(manifest, "read", note)
    run = reana_batch.Run("run")
    for _ in range(2):
        assert (run.status().state, run.failures(), run.logs(all_jobs=True)) == ("created", (), [])
        assert [step.total for step in run.progress()] == [1]
    assert paths == [Path("run/batch/manifest.json")]


@pytest.mark.usefixtures("analysis")
@pytest.mark.parametrize(
    ("method", "words"),
    [("status", ["status"]), ("status", ["wait"]), ("logs", ["logs"]), ("follow_logs", ["logs", "--follow"])],
)
def test_the_command_line_looks_through_the_library(
    method: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reana_batch.write_run(reana_batch.compile_workflow(site="local"), "run")

    def refused(*_: object, **__: object) -> NoReturn:
        raise refuse("run-state", f"{method} was called")

    monkeypatch.setattr(reana_batch.Run, method, refused)
    ended = CliRunner().invoke(main, [*words, "-w", "./run"])
    assert ended.exit_code == 3
    assert f"error: {method} was called" in ended.stderr


def test_unknown_step_is_refused(analysis: Path) -> None:
    run = reana_batch.write_run(reana_batch.compile_workflow(site="local"), analysis / "run")
    with pytest.raises(reana_batch.Refused, match='There is no step "fti"'):
        run.logs("fti")


@pytest.mark.usefixtures("analysis")
def test_a_run_is_replaced_by_force_alone() -> None:
    compilation = reana_batch.compile_workflow(site="local")
    reana_batch.write_run(compilation, "run")
    with pytest.raises(reana_batch.Refused):
        reana_batch.write_run(compilation, "run")
    reana_batch.write_run(compilation, "run", force=True)


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(reana_batch.Refused, match="There is no run in"):
        reana_batch.Run(tmp_path)


def test_names_are_there_and_loaded_when_asked_for() -> None:
    assert set(reana_batch.__all__) <= set(dir(reana_batch))
    assert {name for name in reana_batch.__all__ if getattr(reana_batch, name, None) is None} == set()
    with pytest.raises(AttributeError, match="module 'reana_batch' has no attribute 'compile_workfow'"):
        _ = reana_batch.compile_workfow
    code = "import sys, reana_batch; print([name for name in sys.modules if name.startswith('reana_batch.')])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "['reana_batch.version']\n"
