"""The command ``report``."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Tool


def test_it_writes_a_page_next_to_the_user(hello: Tool, finished: Path) -> None:
    ended = hello.run("report", "--runs", str(finished), "-w", "done")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("==> SUCCESS: The report on done.1 is in done.1.html (")
    text = (hello.directory / "done.1.html").read_text("utf-8")
    assert "<title>done.1: finished</title>" in text
    assert "greetings.txt" in text


def test_it_replaces_an_older_page_and_no_link(hello: Tool, finished: Path) -> None:
    page = hello.write("r.html", "old")
    words = ("report", "--runs", str(finished), "-w", "done.1", "-o", "r.html", "--json")
    answer = json.loads(hello.run(*words).stdout)
    assert (answer["file"], answer["status"], answer["jobs"]) == ("r.html", "finished", 1)
    assert answer["bytes"] == page.stat().st_size > 10_000
    page.rename(hello.directory / "other.html")
    page.symlink_to("other.html")
    refused = hello.run(*words)
    assert refused.code == 3
    assert "r.html cannot be written" in refused.stderr


def test_without_the_library_it_names_the_cure(hello: Tool, finished: Path) -> None:
    hello.write("empty/sitecustomize.py", "import sys\nsys.modules['vl_convert'] = None\n")
    ended = hello.run("report", "--runs", str(finished), "-w", "done", PYTHONPATH=str(hello.directory / "empty"))
    assert (ended.code, ended.stdout) == (3, "")
    assert "hint: pip install 'reana-batch[charts]'" in ended.stderr
    assert not (hello.directory / "done.1.html").exists()


def test_an_unknown_run_has_no_report(hello: Tool, finished: Path) -> None:
    ended = hello.run("report", "--runs", str(finished), "-w", "nothing")
    assert ended.code == 3
    assert "[unknown-run]" in ended.stderr
