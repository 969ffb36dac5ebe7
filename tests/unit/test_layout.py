"""The places of files in a run directory, which the job library must share."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pytest

from reana_batch import layout
from reana_batch.diagnostics import Place
from reana_batch.ir import Placed, Repeated, Script, Step, Workflow
from reana_batch.names import encode
from reana_batch.writing import jobs
from tests.bash import Bash

ROOT = Path(__file__).resolve().parents[2]

COUNTS = [1, 2, 249, 250, 251, 500, 10_000, 249_999, 250_000, 250_001, 1_000_000]


def test_no_step_has_the_name_of_a_file_of_ours() -> None:
    """The folders of steps are in state/ next to the program's own files, whose names have a dot."""
    sources = [path for folder in ("backends", "compiler", "templates") for path in (ROOT / folder).rglob("*.*")]
    texts = (path.read_text("utf-8") for path in sources if path.suffix in (".py", ".sh", ".j2"))
    names = {
        name
        for text in texts
        for name in re.findall(r"(?:state|\{STATE\}|layout\.STATE\})/([\w.~-]+)(?![\w/{~-])", text)
    }
    assert {"slurm.jobs", "run.lock", "run.json", "run.restarted"} <= names
    assert [name for name in names if encode(name) == name] == []


def rows_to_try(count: int) -> list[int]:
    """Return the rows at the edges of shards, and some between."""
    near = {
        edge + step
        for edge in (0, 249, 250, 251, 9999, 10_000, 249_999, 250_000, 250_001, count)
        for step in (-1, 0, 1)
    }
    return sorted(row for row in near | set(range(0, count, count // 50 + 1)) if 0 <= row < count)


def test_stems_are_those_of_the_job_library(bash: Bash) -> None:
    pairs = [(row, count) for count in COUNTS for row in rows_to_try(count)]
    script = 'while read -r row count; do set_stem "$row" "$count"; echo "$stem"; done'
    stems = bash.run(script, part="job/rows", stdin="".join(f"{row} {count}\n" for row, count in pairs))
    assert stems.stdout.split() == [layout.row_stem(row, count) for row, count in pairs]


def test_submission_to_slurm_looks_for_records_where_they_are(bash: Bash) -> None:
    """A chunk of one row is done if, and only if, the record of that row exists."""
    pairs = [(row, count) for count in COUNTS for row in rows_to_try(count)]
    for row, count in pairs[::2]:
        bash.write(f"state/{count}/{layout.row_stem(row, count)}.done")
    script = 'while read -r row count; do chunk_is_done "$count" "$row" "$count" 1; echo "$?"; done'
    codes = bash.run(script, part="slurm/submit", stdin="".join(f"{row} {count}\n" for row, count in pairs))
    assert codes.stdout.split() == [str(index % 2) for index in range(len(pairs))]


def test_numbers_are_those_of_the_shell_libraries(bash: Bash) -> None:
    numbers = bash.run("", part="job/tables", asked=["SHARD", "TABLE_SHARD"]).variables
    assert numbers == {"SHARD": str(layout.SHARD), "TABLE_SHARD": str(layout.TABLE_SHARD)}


@pytest.mark.parametrize(
    ("row", "count", "stem"),
    [
        (0, 1, "0"),
        (249, 250, "249"),
        (249, 251, "0/249"),
        (250, 251, "1/250"),
        (249_999, 250_000, "999/249999"),
        (250_000, 250_001, "1/1000/250000"),
        (999_999, 1_000_000, "3/3999/999999"),
    ],
)
def test_stem(row: int, count: int, stem: str) -> None:
    assert layout.row_stem(row, count) == stem


@pytest.mark.parametrize("count", COUNTS)
def test_no_folder_has_more_than_a_thousand_entries(count: int) -> None:
    rows: defaultdict[str, int] = defaultdict(int)
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for row in range(count):
        folder = layout.row_stem(row, count).rpartition("/")[0]
        rows[folder] += 1
    for folder in rows:
        parent, _, name = folder.rpartition("/")
        folders[parent].add(name)
        if parent:
            folders[""].add(parent)
    # start record, exit record and make's stamp
    largest = max(max(rows.values()) * layout.ENTRIES_OF_ROW, *(len(names) for names in folders.values()))
    assert largest <= 1000
    # What the rules of sites are compared with.
    assert layout.most_entries(count, layout.ENTRIES_OF_ROW) == largest


@pytest.mark.parametrize("count", COUNTS)
def test_folders_are_those_of_the_stems(count: int) -> None:
    folders = [layout.row_stem(row, count).rpartition("/")[0] for row in range(count)]
    assert list(layout.row_folders(count)) == list(dict.fromkeys(folders))


@pytest.mark.parametrize(
    ("index", "count", "folder"),
    [(0, 1, "fit"), (249, 250, "fit"), (0, 251, "0/fit"), (249, 251, "0/fit"), (250, 251, "1/fit")],
)
def test_folder_of_a_step(index: int, count: int, folder: str) -> None:
    assert layout.step_folder("fit", index, count) == folder


def chunked(rows: int, chunk_size: int) -> Workflow:
    table = Repeated(rows)
    return Workflow(
        "w", "serial", (Step("fit", "fit", Place("x", 1), Script(()), table, placed=Placed(chunk_size=chunk_size)),)
    )


def chunk_folders(rows: int, chunk_size: int) -> set[str]:
    """Return the folders of make's stamps and of HTCondor's logs of chunks."""
    chunks = chunked(rows, chunk_size).steps[0].chunks
    stems = (layout.row_stem(chunk, chunks) for chunk in range(chunks))
    return {f"{kind}/fit/{stem}".rpartition("/")[0] for kind in (layout.STATE, layout.LOGS) for stem in stems}


@pytest.mark.parametrize(
    ("rows", "chunk_size"),
    [
        (10, 3),
        (251, 1),
        (251, 2),
        (1000, 2),
        (250_001, 1),
        # rows in three levels, chunks in two
        (300_000, 300),
        (300_000, 2),
    ],
)
def test_folders_of_chunks_are_made(rows: int, chunk_size: int) -> None:
    made = {
        str(folder)
        for path in jobs.run_folders(chunked(rows, chunk_size))
        for folder in (path, *PurePosixPath(path).parents)
    }
    assert chunk_folders(rows, chunk_size) <= made
