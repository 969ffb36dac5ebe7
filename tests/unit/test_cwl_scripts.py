"""Bash of CWL jobs whose command lines are known, and of the outputs that such jobs make."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reana_batch.columns import Columns
from reana_batch.diagnostics import Place
from reana_batch.frontends.cwl import scripts
from reana_batch.frontends.cwl.records import JOBS_MARK, OWN_MARK, WORKSPACE_MARK, CommandRecord, FileRecord
from reana_batch.ir import Script

PLACE = Place("flow.cwl", 1)


def run(folder: Path, *texts: str) -> int:
    """Run scripts, one after the other, until one fails. Return its exit code, or 0. The rows' directories are there."""
    for row in range(9):
        (folder / f"cwl/say/{row}").mkdir(parents=True, exist_ok=True)
    for text in texts:
        placed = text.replace(WORKSPACE_MARK, str(folder))
        environment = os.environ | {"ROW_TMPDIR": str(folder / "temporary")}
        code = subprocess.run(["bash", "-uc", placed], cwd=folder, env=environment, check=False).returncode
        if code != 0:
            return code
    return 0


def rows(script: Script, columns: Columns) -> list[list[str]]:
    """Return the texts that each row runs."""
    table = columns.table()
    return [[each.text(dict(zip(table.columns, cells, strict=True))) for each in script.commands] for cells in table]


def command(*words: str, files: dict[str, str], **more: Any) -> CommandRecord:
    made = [FileRecord(port, path, "") for port, path in files.items()]
    streams: dict[str, Any] = {"stdin": "", "stdout": "", "stderr": "", "variables": [], **more}
    return CommandRecord(words=list(words), files=made, **streams)


def script_of(commands: list[CommandRecord], directories: list[str], columns: Columns) -> Script:
    return scripts.script(commands, "cwl/say", directories, columns, ["cwl/before/0", *directories], PLACE)


def test_rows_run_their_commands_in_directories_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "cwl/before/0").mkdir(parents=True)
    (tmp_path / "cwl/before/0/in.txt").write_text("read")
    words = ["a b", "'; $(exit 7) \"", "", "*"]
    commands = [
        command(
            "sh",
            "-c",
            'cat; printf " %s %s" "$1" "$MODE"; touch "$2/more"',
            "sh",
            word,
            OWN_MARK,
            files={"said": "out/said.txt", "more": "more"},
            stdin=f"{JOBS_MARK}0/in.txt",
            stdout="out/said.txt",
            variables=["MODE=it's"],
        )
        for word in words
    ]
    directories = [f"cwl/say/{row}" for row in range(len(words))]
    columns = Columns(len(words))
    found = rows(script_of(commands, directories, columns), columns)
    for word, directory, texts in zip(words, directories, found, strict=True):
        assert run(tmp_path, *texts) == 0
        text = f"read {word} it's"
        assert (tmp_path / directory / "out/said.txt").read_text() == text
        assert (tmp_path / directory / "more").exists()


def test_a_directory_is_no_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    columns = Columns(1)
    script = script_of([command("mkdir", "said", files={"said": "said"})], ["cwl/say/0"], columns)
    ((*texts,),) = rows(script, columns)
    assert run(tmp_path, *texts) == 1
    assert capfd.readouterr().err == "The output said is a directory and not a file.\n"


def test_the_exit_code_is_that_of_the_command(tmp_path: Path) -> None:
    columns = Columns(1)
    script = script_of([command("sh", "-c", "exit 3", files={})], ["cwl/say/0"], columns)
    ((*texts,),) = rows(script, columns)
    assert run(tmp_path, *texts) == 3


def test_a_link_becomes_the_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    columns = Columns(1)
    link = command(
        "ln", "-s", f"{WORKSPACE_MARK}/data".replace(WORKSPACE_MARK, str(tmp_path)), "it", files={"it": "it"}
    )
    ((*texts,),) = rows(script_of([link], ["cwl/say/0"], columns), columns)
    assert run(tmp_path, *texts) == 0
    assert not (tmp_path / "cwl/say/0/it").is_symlink()
    assert (tmp_path / "cwl/say/0/it").read_text() == "data"


def file(path: str, **more: Any) -> dict[str, Any]:
    return {"class": "File", "location": f"workspace:{path}", "basename": path.rpartition("/")[2], **more}


def collected(folder: Path, outputs: dict[str, Any]) -> Any:
    script = scripts.collecting(outputs, PLACE)
    assert script is not None
    for _ in range(2):  # also when a run goes on
        assert run(folder, *(each.text({}) for each in script.commands)) == 0
    return json.loads((folder / "cwl/outputs.json").read_text())


def test_outputs_are_brought_together(tmp_path: Path) -> None:
    (tmp_path / "cwl/a").mkdir(parents=True)
    (tmp_path / "cwl/a/plot it.png").write_text("plot")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/kept").write_text("kept")
    facts = {"size": 4, "checksum": f"sha1${hashlib.sha1(b'plot', usedforsecurity=False).hexdigest()}"}
    plot = file("cwl/a/plot%20it.png", format="http://x/png") | {"basename": "plot it.png"}
    text = '"$(exit 7)" \' <x>'
    found = collected(tmp_path, {"plots": [plot, plot], "kept": file("outputs/kept"), "text": text, "none": None})
    linked = {**plot, "location": "workspace:outputs/plot%20it.png", **facts}
    assert found["plots"] == [linked, linked]
    assert (found["kept"]["size"], found["text"], found["none"]) == (4, text, None)
    assert (tmp_path / "outputs/plot it.png").samefile(tmp_path / "cwl/a/plot it.png")


def test_outputs_without_files(tmp_path: Path) -> None:
    assert collected(tmp_path, {"number": 1, "list": [], "object": {}}) == {"number": 1, "list": [], "object": {}}
    assert (tmp_path / "outputs").is_dir()


@pytest.mark.parametrize(
    "outputs",
    [
        [file("a/plot"), file("b/plot")],
        {"class": "Directory", "location": "workspace:a", "basename": "a"},
        file("a/plot", secondaryFiles=[file("a/plot.index")]),
        {"class": "File", "basename": "text", "contents": "text"},
        file("a/plot") | {"basename": "other"},
        [file(f"a/{number}") for number in range(100)],
    ],
)
def test_outputs_that_are_left_to_a_server(outputs: Any) -> None:
    assert scripts.collecting({"out": outputs}, PLACE) is None
