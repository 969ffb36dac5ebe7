"""The engine that other tests compare with runs the analyses completely, and tells which jobs failed."""

from __future__ import annotations

from pathlib import Path

from . import engine, flows


def test_jobs_come_with_their_commands_and_parents(tmp_path: Path) -> None:
    workspace = flows.copy("globbed", tmp_path / "workspace")
    answer = engine.run(workspace)
    assert list(answer.jobs) == ["split", *(f"count_{i}" for i in range(5)), "merge"]
    assert answer.jobs["count_1"] == engine.Job(
        "count_1",
        "wc -w < $REANA_WORKSPACE/split/chapter-2.txt > $REANA_WORKSPACE/count_1/words.txt",
        "",
        frozenset({"split"}),
    )
    assert flows.made(workspace, "globbed")["merge/all.txt"] == "2\n" * 5


def test_the_search_has_the_jobs_of_the_example_of_reana(tmp_path: Path) -> None:
    workspace = flows.copy("search", tmp_path / "workspace")
    answer = engine.run(workspace, jobs_run=False)
    assert len(answer.jobs) == 67
    assert "all_bkg_mc/run_mc_0/select_signal_shapevars_1/hist_0" in answer.jobs
    assert flows.made(workspace, "search") == {}


def test_failed_jobs_are_named(tmp_path: Path) -> None:
    workspace = flows.copy("joined", tmp_path / "workspace")
    steps = workspace / "steps.yaml"
    steps.write_text(steps.read_text().replace('echo "selected', '[ $(cat {sample}) != 3 ] && echo "selected'))
    answer = engine.run(workspace)
    assert answer.failed == {"select_background_2"}
    assert "select_background_1" in answer.jobs
    assert "limit" not in answer.jobs
