"""The report on a run in each of its states."""

from __future__ import annotations

from pathlib import Path

from .conftest import Desk, serial, until


def text_of(desk: Desk, run: str) -> str:
    answer = desk.json("report", "-w", run, "-o", "r.html")
    text = desk.read("r.html")
    assert f"<title>{run}: {answer['status']}</title>" in text
    return text


def test_a_run_that_goes_on_is_stopped_and_resumed(desk: Desk, running: Path) -> None:
    text = text_of(desk, "test.1")
    assert "<title>test.1: running</title>" in text
    assert 'data-state="running"' in text
    assert "from the first start to now" in text
    desk("stop", "-w", "test")
    text = text_of(desk, "test.1")
    assert "<title>test.1: stopped</title>" in text
    assert 'data-state="running"' not in text
    (running / "workspace/go").touch()
    desk("resume", "-w", "test")
    text = text_of(desk, "test.1")
    assert "<title>test.1: finished</title>" in text
    assert text.count('data-state="finished"') == 3


def test_a_run_that_was_only_compiled(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", "false"))
    desk("compile", "-o", "made", "-b", "make")
    answer = desk.json("report", "-w", "./made", "-o", "r.html")
    assert (answer["status"], answer["jobs"]) == ("created", 2)
    assert "No job has started yet." in desk.read("r.html")


def test_a_restarted_run_names_the_one_before(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true", "[ -e good ]"))
    desk.run("test", exits=1)
    until((desk.path / "runs/test.1/state/s2/0.failed").exists)
    (desk.path / "runs/test.1/workspace/good").touch()
    desk("restart", "-w", "test")
    assert "<dt>Goes on with</dt><dd>test.1</dd>" in text_of(desk, "test.1.1")
