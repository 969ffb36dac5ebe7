"""The workspace of a run: ls, du, download, diff. Names have blanks, are UTF-8, or have no encoding at all."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from .conftest import Desk, answered, said, serial

OUTPUTS = {"files": ["results/größe 1.txt"], "directories": ["plots"]}
COMMAND = (
    "mkdir -p results plots/deep; printf 123 > 'results/größe 1.txt'; printf 45 > plots/a.png; printf 6 > plots/deep/b;"
    " printf x > other.dag.txt; ln -s nowhere dangling; printf y > $$'odd\\nname'"
)


@pytest.fixture(scope="module")
def filled(shared: Desk) -> Desk:
    """A run with files of many names in its workspace, twice."""
    shared.write("reana.yaml", serial(COMMAND, inputs={"files": ["data file.txt"]}, outputs=OUTPUTS))
    shared.write("data file.txt", "four")
    for _ in range(2):
        shared.run("test")
    return shared


FILES = {
    "dangling": 7,
    "data file.txt": 4,
    "odd\nname": 1,
    "other.dag.txt": 1,
    "plots/a.png": 2,
    "plots/deep/b": 1,
    "results/größe 1.txt": 3,
}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ((), list(FILES)),
        (("**/*",), list(FILES)),
        # Only ** crosses a slash, as on REANA's server.
        (("*.txt",), ["data file.txt", "other.dag.txt"]),
        (("**/*.txt",), ["data file.txt", "other.dag.txt", "results/größe 1.txt"]),
        (("plots/*",), ["plots/a.png"]),
        (("plots/**",), ["plots/a.png", "plots/deep/b"]),
        (("./plots//",), ["plots/a.png", "plots/deep/b"]),
        (("plots/a.png",), ["plots/a.png"]),
        (("*/deep/?",), ["plots/deep/b"]),
        (("plots/[!b].png",), ["plots/a.png"]),
        (("dang*",), ["dangling"]),
        (("..",), []),
        (("results/größe ?.txt",), ["results/größe 1.txt"]),
        (("[do]*e.*",), ["data file.txt"]),
        (("nothing",), []),
        (("[",), []),
    ],
)
def test_ls(filled: Desk, pattern: tuple[str, ...], names: list[str]) -> None:
    found = filled.json("ls", "-w", "test.1", *pattern)["files"]
    assert {each["name"]: each["size"] for each in found} == {name: FILES[name] for name in names}
    assert all(set(each) == {"name", "size", "last-modified"} for each in found)


def test_ls_as_a_table(filled: Desk) -> None:
    lines = filled("ls", "-w", "test", "results/*").stdout.splitlines()
    assert lines[0].split("\t") == ["NAME", "SIZE", "LAST-MODIFIED"]
    [line] = lines[1:]
    assert line.startswith("results/größe 1.txt\t3\t")


def test_du(filled: Desk) -> None:
    answer = filled.json("du", "-w", "test")
    assert answer["total"] == sum(FILES.values())
    assert {each["name"]: each["size"] for each in answer["files"]} == FILES
    lines = filled("du", "-w", "test").stdout.splitlines()
    assert lines[0].split("\t") == ["SIZE", "NAME"]
    assert lines[-1].split("\t") == ["19", "."]
    assert "3\t./results/größe 1.txt" in lines
    assert [line.split("\t") for line in filled("du", "-s", "-w", "test").stdout.splitlines()] == [
        ["SIZE", "NAME"],
        ["19", "."],
    ]


LS_FILTERS = {
    ("name=.TXT",): ["data file.txt", "other.dag.txt", "results/größe 1.txt"],
    ("name=GRÖSSE",): ["results/größe 1.txt"],
    ("name=a", "name=.txt", "size=4"): ["data file.txt"],
    ("last-modified=t", "size=2"): ["plots/a.png"],
    ("last-modified=1970",): [],
}
DU_FILTERS = {
    ("name=plots", "name=**/a.png"): ["plots/a.png", "plots/deep/b"],
    ("name=plots/", "size=2", "size=3"): ["plots/a.png"],
    ("size=1",): ["odd\nname", "other.dag.txt", "plots/deep/b"],
}


@pytest.mark.parametrize(("verb", "cases"), [("ls", LS_FILTERS), ("du", DU_FILTERS)])
def test_files_are_filtered_as_by_reana(filled: Desk, verb: str, cases: dict[tuple[str, ...], list[str]]) -> None:
    for filters, names in cases.items():
        words = [word for text in filters for word in ("--filter", text)]
        answer = filled.json(verb, "-w", "test.1", *words)
        assert [each["name"] for each in answer["files"]] == names
        assert answer.get("total", 0) in (0, sum(FILES[name] for name in names))
    assert [each["name"] for each in filled.json("ls", "-w", "test", "plots/*", "--filter", "name=.")["files"]] == [
        "plots/a.png"
    ]
    assert filled("du", "-w", "test", "-s", "--filter", "name=plots").stdout == "SIZE\tNAME\n3\t.\n"


def test_a_restart_shows_the_same_workspace(desk: Desk) -> None:
    desk.write("reana.yaml", serial("echo > out.txt"))
    desk.run()
    desk("restart", "-w", "test")
    assert [each["name"] for each in desk.json("ls", "-w", "test.1.1")["files"]] == ["out.txt"]
    desk("download", "-w", "test.1.1", "out.txt")
    assert desk.read("out.txt") == "\n"


# --- download -------------------------------------------------------------------------------------


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_download_brings_the_declared_outputs(desk: Desk) -> None:
    outputs = {"files": ["a b.txt"], "directories": ["plots"]}
    desk.write(
        "reana.yaml",
        serial("echo 1 > 'a b.txt'; mkdir -p plots/deep; echo 2 > plots/deep/c; echo 3 > d", outputs=outputs),
    )
    desk.run()
    (desk.path / "here").mkdir()
    here = Desk(desk.path / "here", desk.forked)
    done = here("download", "-w", "test", "--runs", "../runs")
    assert done.stdout.splitlines() == [
        f"==> SUCCESS: File {name} downloaded to {here.path}." for name in ("a b.txt", "plots")
    ]
    assert tree(here.path) == ["a b.txt", "plots/deep/c"]


DOWNLOADS: list[tuple[list[str], list[str]]] = [
    ([], ["plots/a.png", "plots/deep/b", "results/größe 1.txt"]),
    (["data file.txt"], ["data file.txt"]),
    (["plots/deep"], ["plots/deep/b"]),
    (["plots/deep/", "other.dag.txt"], ["other.dag.txt", "plots/deep/b"]),
    (["results/../plots/a.png"], ["plots/a.png"]),
]


@pytest.mark.parametrize(("names", "found"), DOWNLOADS)
def test_download(filled: Desk, tmp_path: Path, names: list[str], found: list[str]) -> None:
    for _ in range(2):
        answer = filled.json("download", "-w", "test.1", *names, "-o", str(tmp_path / "to/new"))
        given = names or [*OUTPUTS["files"], *OUTPUTS["directories"]]
        assert answer["files"] == [name.replace("results/../", "") for name in given]
        assert answer["missing"] == []
        assert answer["directory"] == str(tmp_path / "to/new")
        assert tree(tmp_path / "to/new") == found


NOT_THERE = [
    (["none.txt"], "Not in the workspace: none.txt. [missing-file]", []),
    (["data file.txt", "no*", "nor"], "Not in the workspace: no*, nor. [missing-file]", ["data file.txt"]),
    (["../batch/manifest.json"], "Not in the workspace: ../batch/manifest.json. [missing-file]", []),
    (["plots/../../batch"], "Not in the workspace: plots/../../batch. [missing-file]", []),
    ([".."], "Not in the workspace: ... [missing-file]", []),
    (["/etc/passwd"], "Not in the workspace: /etc/passwd. [missing-file]", []),
    (["dangling", "plots"], "Not downloaded: dangling: It is a link, not a file. [file-access]", ["plots"]),
    (["x" * 300], f"Not downloaded: {'x' * 300}: File name too long. [file-access]", []),
]


@pytest.mark.parametrize(("names", "message", "files"), NOT_THERE)
def test_what_is_there_is_downloaded(
    filled: Desk, tmp_path: Path, names: list[str], message: str, files: list[str]
) -> None:
    words = ("download", "-w", "test", *names, "-o", str(tmp_path / "to"))
    done = filled(*words, exits=1)
    said(done, f"error: {message}", *([] if "access" in message else ["hint: see: reana-batch ls"]))
    assert (tmp_path / "to").exists() == bool(files)
    answer = filled.json(*words, exits=1)
    assert answer["files"] == files
    assert [each["message"] for each in answer["diagnostics"]] == [message.rpartition(" ")[0]]


def test_files_are_printed(filled: Desk) -> None:
    before = tree(filled.path)
    assert filled("download", "-w", "test", "-o", "-").stdout == "123456"
    done = filled("download", "-w", "test", "none", "dangling", "plots", "--output", "-", exits=1)
    assert done.stdout == "456"
    faults = ("Not downloaded: dangling: It is a link, not a file. [file-access]", "Not in the workspace: none.")
    assert all(f"error: {fault}" in done.stderr for fault in faults)
    assert tree(filled.path) == before
    answer = filled.json("download", "-w", "test", "-o", "-", exits=2)
    assert answer["diagnostics"][0]["message"] == "--output - and --json exclude each other."


def test_a_declared_output_that_is_missing(desk: Desk) -> None:
    desk.write("reana.yaml", serial("touch a", outputs={"files": ["b", "a", "c*"]}))
    desk.run()
    done = desk("download", "-w", "test", "-o", "to", exits=1)
    said(done, "error: Not in the workspace: b, c*. [missing-file]")
    assert tree(desk.path / "to") == ["a"]


GLOBS = {
    "files": ["plot/*.png", "table.txt", "**/deep[0-9]", "none/*", "lit[eral"],
    "directories": ["empty"],
}


def test_patterns_of_outputs_are_those_of_reana(desk: Desk) -> None:
    command = "mkdir -p plot/x/y empty; touch plot/{a,b}.png plot/x/c.png plot/x/y/deep1 deep2 table.txt 'lit[eral'"
    desk.write("reana.yaml", serial(command, outputs=GLOBS))
    run = desk.run()
    assert desk.json("status", "-w", "test")["missing_outputs"] == ["none/*"]
    answered(desk("status", "-w", "test"), "==> WARNING: the declared output none/* is missing.")
    answer = desk.json("download", "-w", "test", "-o", "to", exits=1)
    found = ["plot/a.png", "plot/b.png", "table.txt", "deep2", "plot/x/y/deep1", "lit[eral", "empty"]
    assert (answer["files"], answer["missing"]) == (found, ["none/*"])
    assert tree(desk.path / "to") == sorted(found[:-1])
    assert (desk.path / "to/empty").is_dir()
    (run / "workspace/none").mkdir()
    (run / "workspace/none/dangling").symlink_to("nowhere")
    assert desk.json("status", "-w", "test")["missing_outputs"] == ["none/*"]


@pytest.mark.parametrize(("made", "code"), [("plot/a.png", 0), ("plot/x/a.png", 1)])
def test_strict_outputs_demand_a_file_for_each_pattern(desk: Desk, made: str, code: int) -> None:
    outputs = {"files": ["plot/*.png", "**/t[ab]le", "a b/? *"]}
    command = f"mkdir -p plot/x 'a b' d/.h; touch {made} d/.h/table 'a b/c d'"
    desk.write("reana.yaml", serial(command.replace("table", "tale"), outputs=outputs))
    run = desk.run("test", "--strict-outputs", exits=code)
    if code:
        record = (run / "state/s1/0.failed").read_text("utf-8")
        assert "detail=missing: plot/*.png\n" in record


# --- links and other things that are not files ----------------------------------------------------


@pytest.fixture
def planted(desk: Desk) -> Path:
    """The workspace of a run with a FIFO, a socket, and links to many places."""
    desk.write("secret.txt", "secret")
    desk.write("outside/key", "secret")
    desk.write(
        "reana.yaml", serial("mkdir d e; echo 1 > d/file; echo 2 > e/plain", outputs={"directories": ["d", "e"]})
    )
    workspace = desk.run() / "workspace"
    for name, target in {"self": ".", "up": "../..", "out": str(desk.path / "secret.txt"), "dead": "no"}.items():
        (workspace / "d" / name).symlink_to(target)
    (workspace / "link").symlink_to(desk.path / "outside")
    os.mkfifo(workspace / "d/fifo")
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(workspace / "d"):
        made.bind("socket")
    return workspace


ODD = {"dead": "a link", "fifo": "a FIFO", "out": "a link", "self": "a link", "socket": "a socket", "up": "a link"}


def test_no_link_is_followed_and_nothing_is_waited_for(desk: Desk, planted: Path) -> None:
    done = desk("download", "-w", "test", "-o", "to", exits=1)
    faults = [f"error: Not downloaded: d/{name}: It is {kind}, not a file. [file-access]" for name, kind in ODD.items()]
    assert done.stdout.splitlines() == [
        f"==> SUCCESS: File {name} downloaded to {desk.path}/to." for name in ("d/file", "e")
    ]
    assert done.stderr.splitlines() == faults
    assert tree(desk.path / "to") == ["d/file", "e/plain"]
    names = [*(f"d/{name}" for name in sorted([*ODD, "file"])), "e/plain"]
    assert [each["name"] for each in desk.json("ls", "-w", "test", "*/*")["files"]] == names
    assert sorted(each["name"] for each in desk.json("du", "-w", "test")["files"]) == [*names, "link"]
    assert planted.is_dir()


@pytest.mark.parametrize("name", ["link/key", "link/*", "link", "d/self/file"])
def test_no_name_leads_through_a_link(desk: Desk, planted: Path, name: str) -> None:
    del planted
    desk("download", "-w", "test", name, "-o", "to", exits=1)
    assert not (desk.path / "to").exists()
    assert [each["name"] for each in desk.json("ls", "-w", "test", name)["files"]] in ([], ["link"])


def test_downloads_are_not_written_through_links(desk: Desk, planted: Path) -> None:
    (planted / "e/data").write_text("new")
    to = desk.path / "to"
    (to / "e").mkdir(parents=True)
    (to / "e/plain").symlink_to("../../secret.txt")
    desk("download", "-w", "test", "e", "-o", "to")
    assert desk.read("secret.txt") == "secret"
    assert desk.read("to/e/plain") == "2\n"
    assert not (to / "e/plain").is_symlink()
    for path in (to / "e").iterdir():
        path.unlink()
    (to / "e").rmdir()
    (to / "e").symlink_to(desk.path / "outside")
    done = desk("download", "-w", "test", "e", "-o", "to", exits=3)
    said(done, "error: to/e: It is a link, not a directory. [cannot-write]")
    assert tree(desk.path / "outside") == ["key"]


def test_diff_compares_links_by_where_they_lead(desk: Desk, planted: Path) -> None:
    other = desk.run() / "workspace"
    (planted / "e/plain").unlink()
    (planted / "e/plain").symlink_to(other / "e/plain")
    (other / "d/dead").symlink_to("elsewhere")
    differences = desk.json("diff", "test.1", "test.2")["differences"]["workspace"]
    only = [f"Only in test.1: d/{name}" for name in ODD if name != "dead"] + ["Only in test.1: link"]
    assert differences == [*only, "Files differ: d/dead", "Files differ: e/plain"]


def test_runs_given_by_a_winding_path(filled: Desk, tmp_path: Path) -> None:
    (filled.path / "side").mkdir(exist_ok=True)
    filled("download", "-w", "test", "--runs", "side/../runs", "other.dag.txt", "-o", str(tmp_path))
    assert tree(tmp_path) == ["other.dag.txt"]


def test_where_nothing_can_be_written(filled: Desk, tmp_path: Path) -> None:
    (tmp_path / "plots").touch()
    done = filled("download", "-w", "test.1", "plots", "-o", str(tmp_path), exits=3)
    assert "[cannot-write]" in done.stderr
    workspace = filled.path / "runs/test.1/workspace"
    done = filled("download", "-w", "test.1", "other.dag.txt", "-o", str(workspace), exits=3)
    assert "It is the same file. [cannot-write]" in done.stderr
    assert (workspace / "other.dag.txt").read_text("utf-8") == "x"


# --- diff -----------------------------------------------------------------------------------------


def test_runs_that_do_not_differ(filled: Desk) -> None:
    done = filled("diff", "test.1", "test.2")
    assert done.stderr == ""
    assert done.stdout == "==> No differences in what is run.\n==> No differences in workspace.\n"
    assert filled.json("diff", "test.1", "test.1")["differences"] == {"what is run": [], "workspace": []}


def test_how_runs_differ(desk: Desk) -> None:
    for text in ("one", "two"):
        desk.write(
            "reana.yaml", serial(f"echo {text} > same.txt; echo > {text}; echo {text} > x.dag.txt; echo > equal")
        )
        desk.run()
    differences: dict[str, Any] = desk.json("diff", "test.1", "test.2")["differences"]
    assert differences["workspace"] == [
        "Only in test.1: one",
        "Only in test.2: two",
        "Files differ: same.txt",
        "Files differ: x.dag.txt",
    ]
    script = "steps/s1/command.1"
    assert differences["what is run"][:3] == [f"--- test.1/{script}", f"+++ test.2/{script}", "@@ -1 +1 @@"]
    done = desk("diff", "test.1", "test.2")
    assert done.stdout.splitlines() == [
        *("==> Differences in what is run", *differences["what is run"]),
        *("==> Differences in workspace", *differences["workspace"]),
    ]
    assert done.stderr == ""


# --- names ----------------------------------------------------------------------------------------


def test_names_that_are_not_utf8(desk: Desk) -> None:
    desk.write("reana.yaml", serial(r"printf 1 > $$'b\377d'"))
    desk.run()
    desk.write("reana.yaml", serial("true"))
    desk.run()
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    assert desk.json("ls", "-w", "test.1")["files"][0]["name"] == "b\ufffdd"
    assert "b\ufffdd" in desk("du", "-w", "test.1", env=strict).stdout
    assert "Only in test.1: b\ufffdd" in desk("diff", "test.1", "test.2", env=strict).stdout


def test_a_run_in_a_folder_with_a_difficult_name(desk: Desk) -> None:
    folder = desk.path / "größe & 'more' $HOME %s"
    folder.mkdir()
    there = Desk(folder, desk.forked)
    there.write(
        "reana.yaml", serial("pwd > 'wo bin ich.txt'", "cat *.txt; false", outputs={"files": ["wo bin ich.txt"]})
    )
    run = there.run("ein Lauf", exits=1)
    assert there.read("runs/ein Lauf.1/workspace/wo bin ich.txt") == f"{run}/workspace\n"
    status = "==> Status: failed: the command ended with exit code 1\n"
    assert there("logs", "-w", "ein Lauf").stdout == f"==> Step: s2 (reana.yaml:1)\n{status}{run}/workspace\n"
    there("restart", "-w", "ein Lauf", exits=1)
    there("download", "-w", "ein Lauf")
    assert there.read("wo bin ich.txt") == f"{run}/workspace\n"
    there("delete", "-w", "ein Lauf")
