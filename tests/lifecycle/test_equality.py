"""`compare`: what makes runs equal, and every kind of difference between them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.snakemake import flows

from .conftest import Desk, serial

OUTPUTS = {"files": ["out.txt"], "directories": ["plots"]}


def compared(desk: Desk, *runs: str) -> list[tuple[str, str, str, str]]:
    """Return the differences of unequal runs, without places."""
    answer = desk.json("compare", *runs, exits=1)
    assert not answer["equal"]
    return [(each["run"], each["kind"], each["name"], each["text"]) for each in answer["differences"]]


def run(desk: Desk, command: str, *words: str, exits: int = 0, **sections: Any) -> Path:
    desk.write("reana.yaml", serial("echo first > first.txt", command, **{"outputs": OUTPUTS, **sections}))
    return desk.run("test", *words, exits=exits)


GOOD = "mkdir plots; echo 1 > out.txt; echo 2 > plots/a; echo $$RANDOM > other.txt"


def test_equal_runs_differ_in_undeclared_files_alone(desk: Desk) -> None:
    for _ in range(3):
        run(desk, GOOD)
    answer = desk.json("compare", "test.1", "test.2", "test.3")
    assert answer["equal"]
    assert answer["differences"] == []
    assert [each["name"] for each in answer["runs"]] == ["test.1", "test.2", "test.3"]
    assert [(each["jobs"], each["done"]) for each in answer["runs"]] == [(2, 2)] * 3
    sha256 = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"  # of "1\n", by sha256sum
    assert answer["runs"][0]["outputs"][0] == {"name": "out.txt", "size": 2, "sha256": sha256}
    assert [each["name"] for each in answer["runs"][0]["outputs"]] == ["out.txt", "plots/a"]
    shown = "==> SUCCESS: test.1 (make), test.2 (make) and test.3 (make) are equal: 2 jobs and 2 output files.\n"
    assert desk("compare", "test.1", "test.2", "test.3").stdout == shown


def test_without_declared_outputs_all_files_count(desk: Desk) -> None:
    run(desk, "echo 1 > a.txt", outputs={})
    other = run(desk, "echo 1 > a.txt", outputs={})
    assert desk.json("compare", "test.1", "test.2")["equal"]
    (other / "workspace/first.txt").write_text("changed")
    [found] = compared(desk, "test.1", "test.2")
    assert found[:3] == ("test.2", "output", "first.txt")


def test_outputs_of_other_content(desk: Desk) -> None:
    run(desk, GOOD)
    other = run(desk, GOOD) / "workspace"
    (other / "out.txt").write_text("3\n")
    (other / "plots/b").write_text("new")
    (other / "plots/a").unlink()
    (other / "plots/a").symlink_to("b")
    texts = [
        "2 bytes with sha256 4355a46b19d3... in test.1, 2 bytes with sha256 1121cfccd591... in test.2",
        "2 bytes with sha256 53c234e5e847... in test.1, a link to b in test.2",
        "only in test.2",
    ]
    names = ("out.txt", "plots/a", "plots/b")
    assert compared(desk, "test.1", "test.2") == [
        ("test.2", "output", name, text) for name, text in zip(names, texts, strict=True)
    ]
    assert desk("compare", "test.1", "test.2", exits=1).stdout.splitlines() == [
        "==> test.2 (make): 3 differences",
        *(f"{name}: {text}" for name, text in zip(names, texts, strict=True)),
    ]


def test_outputs_that_no_two_runs_make_in_the_same_way_can_be_left_out(desk: Desk) -> None:
    """They still have to be there, and what is left out is said."""
    timed = f"{GOOD}; cat /proc/sys/kernel/random/uuid | tee plots/b > plots/c"
    for _ in range(2):
        other = run(desk, timed)
    assert [each[2] for each in compared(desk, "test.1", "test.2")] == ["plots/b", "plots/c"]
    assert [each[2] for each in compared(desk, "test.1", "test.2", "--except", "plots/b")] == ["plots/c"]
    for words in (("--except", "plots/b", "--except", "plots/c"), ("--except", "plots/[bc]")):
        answer = desk.json("compare", "test.1", "test.2", *words)
        assert (answer["equal"], answer["excepted"]) == (True, ["plots/b", "plots/c"])
    assert desk("compare", "test.1", "test.2", "--except", "plots").stdout.splitlines() == [
        "==> Not compared: the content of plots/a, plots/b and plots/c",
        "==> SUCCESS: test.1 (make) and test.2 (make) are equal: 2 jobs and 4 output files.",
    ]
    (other / "workspace/plots/b").unlink()
    assert compared(desk, "test.1", "test.2", "--except", "plots") == [
        ("test.2", "output", "plots/b", "only in test.1")
    ]
    wrong = desk("compare", "test.1", "test.2", "--except", "plots", "--except", "x", "--except", "other.txt", exits=2)
    assert "--except: no output of these runs is called x or other.txt." in wrong.stderr


def test_of_several_runs_the_equal_ones_are_said_too(desk: Desk) -> None:
    for _ in range(3):
        other = run(desk, GOOD)
    (other / "workspace/out.txt").write_text("3\n")
    lines = desk("compare", "test.1", "test.2", "test.3", exits=1).stdout.splitlines()
    assert lines[:2] == ["==> test.2 (make): 0 differences", "==> test.3 (make): 1 difference"]


def test_links_are_equal_by_their_targets(desk: Desk) -> None:
    first, second = (run(desk, GOOD) / "workspace/plots" for _ in range(2))
    for folder in (first, second):
        (folder / "link").symlink_to("a")
    assert desk.json("compare", "test.1", "test.2")["equal"]
    (second / "link").unlink()
    (second / "link").symlink_to("../out.txt")
    assert compared(desk, "test.1", "test.2") == [
        ("test.2", "output", "plots/link", "a link to a in test.1, a link to ../out.txt in test.2")
    ]


def test_other_commands_and_images(desk: Desk) -> None:
    run(desk, GOOD)
    run(desk, f"{GOOD}; true")
    [found] = desk.json("compare", "test.1", "test.2", exits=1)["differences"]
    assert found["text"] == "1 job only in test.1, 1 job only in test.2: the command changed"
    assert (found["kind"], found["name"]) == ("jobs", "s2")
    assert found["place"].startswith("reana.yaml:1")
    desk.write("reana.yaml", desk.read("reana.yaml").replace("debian:12", "debian:11"))
    desk.run()
    images = "1 job only in test.2, 1 job only in test.3: the image is now docker.io/library/debian:11"
    assert compared(desk, "test.2", "test.3") == [("test.3", "jobs", name, images) for name in ("s1", "s2")]


def test_a_step_that_one_run_lacks(desk: Desk) -> None:
    run(desk, GOOD)
    desk.write("reana.yaml", serial(GOOD, outputs=OUTPUTS).replace('"s1"', '"s2"'))
    desk.run()
    assert compared(desk, "test.1", "test.2") == [("test.2", "jobs", "s1", "1 job only in test.1")]


def test_what_is_not_done_proves_nothing(desk: Desk) -> None:
    for _ in range(2):
        run(desk, "exit 3", exits=1)
    unfinished = [("unfinished", "s2", "0 of 1 jobs are done")]
    missing = [("missing", name, "is not in the workspace") for name in ("out.txt", "plots")]
    assert compared(desk, "test.1", "test.2") == [
        (name, *each) for name in ("test.1", "test.2") for each in unfinished + missing
    ]


def test_a_run_of_an_older_version_proves_nothing(desk: Desk) -> None:
    for _ in range(2):
        manifest = run(desk, GOOD) / "batch/manifest.json"
        record = json.loads(manifest.read_text())
        del record["steps"][0]["scripts"]
        manifest.write_text(json.dumps(record))
    text = "an older reana-batch made the run and did not say what it runs"
    assert compared(desk, "test.1", "test.2") == [(name, "unknown", "s1", text) for name in ("test.1", "test.2")]


def test_runs_of_the_same_name_are_called_by_their_paths(desk: Desk) -> None:
    first = run(desk, GOOD)
    shutil.copytree(first, desk.path / "elsewhere/test.1")
    (desk.path / "elsewhere/test.1/workspace/out.txt").write_text("3\n")
    [found] = compared(desk, "test.1", "./elsewhere/test.1")
    assert found[0] == "elsewhere/test.1"


@pytest.mark.parametrize("flow", ["features", "checkpoints"])
def test_chunks_do_not_count(desk: Desk, flow: str) -> None:
    """Rows of Snakemake rules, and steps that were compiled in the run, in jobs of one and of several rows."""
    flows.copy(flow, desk.path / flow)
    first = desk.run("test", "-f", flow)
    second = desk.run("test", "-f", flow, "--rows-per-job", "3")
    manifests = [[*each.rglob("batch/manifest.json")] for each in (first, second)]
    chunks = [{s["chunk_size"] for m in found for s in json.loads(m.read_text())["steps"]} for found in manifests]
    assert chunks[0] == {1}
    assert 3 in chunks[1]
    assert desk.json("compare", "test.1", "test.2")["equal"]
