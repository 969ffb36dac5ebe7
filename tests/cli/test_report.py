"""The command ``report``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .conftest import PROGRAM, Tool


def test_it_writes_a_page_next_to_the_user(hello: Tool, finished: Path) -> None:
    ended = hello.run("report", "--runs", str(finished), "-w", "done")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("==> SUCCESS: The report on done.1 is in done.1.html (")
    text = (hello.directory / "done.1.html").read_text("utf-8")
    assert "<title>done.1: finished</title>" in text
    assert (hello.directory / "done.1.html").stat().st_mode & 0o777 == 0o600
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


def test_a_device_stays_a_device_and_a_full_disk_keeps_the_older_page(hello: Tool, finished: Path) -> None:
    words = ("report", "--runs", str(finished), "-w", "done.1", "-o")
    full = hello.run(*words, "/dev/full")
    assert (full.code, full.stdout) == (3, "")
    assert "/dev/full cannot be written: No space left on device." in full.stderr
    assert Path("/dev/full").is_char_device()
    page = hello.write("r.html", "old")
    small = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", str(PROGRAM), *words, "r.html"],
        cwd=hello.directory, env=hello.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert small.returncode != 0
    assert page.read_text("utf-8") == "old"
    assert not [*hello.directory.glob(".r.html*")]


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
