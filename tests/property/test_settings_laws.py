"""Laws of damaged settings, parameters and records: each is refused at a place or read, and never crashes."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reana_batch.backends import known_settings
from reana_batch.diagnostics import Diagnostics, Refused
from reana_batch.frontends import FRONTENDS
from reana_batch.lifecycle import status
from reana_batch.reading.analysis import read_spec
from reana_batch.reading.parameters import file_parameters
from reana_batch.reading.sites import resolve

PROJECT = """site: generic-slurm
slurm: {partition: short, qos: normal}
rows_per_job: 20
limits: {jobs: 5000}
refused_directories:
  - {prefix: /afs/, reason: no room, hint: elsewhere}
"""
PARAMETERS = "a: 1\nlist: [1, 2, x]\nmap:\n  k: v\ntext: |\n  hello\n  world\nflag: true\nempty:\n"
ANALYSIS = "inputs: {parameters: {input: p.yaml}}\nworkflow: {type: snakemake, file: Snakefile}\n"
MANIFEST = json.dumps({
    "backend": "make",
    "outputs": {"files": ["a"], "directories": []},
    "tests": [],
    "steps": [
        {"name": "s", "label": "s", "folder": "s", "origin": "r:1", "rows": 2, "chunk_size": 1, "needs": []},
    ],
    "expansions": [],
})  # fmt: skip
RECORD = json.dumps({"created": 1.5, "spec": "reana.yaml", "submitted": 2.5, "ids": ["host:1"], "host": "host"})
JUNK = st.sampled_from([
    *("\0", "\x1b[31m", "9" * 400, "0x" + "f" * 300, "1e999", "[" * 150, "{" * 30, "- " * 120, "&a *a", "<<: *x", "null"),
    *("true", "[]", "{}", "''", "-1", "\t", "\r\n", "\u2028", "1:30:00", "2020-01-01", "~", ": ", "\n", "#", "'", '"'),
    *("!!python/object:os.system", ".inf", "NaN", "%", "\\", "@", "? ", "| ", "\ud800".encode("utf-8", "replace").decode()),
])  # fmt: skip
WORD = re.compile(r"\w+|\s+|[^\w\s]")


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Return a text in which words were deleted, swapped, repeated or replaced."""
    words = WORD.findall(text)
    for _ in range(draw(st.integers(1, 4))):
        at, other = (draw(st.integers(0, len(words) - 1)) for _ in range(2))
        put = draw(st.sampled_from([[], [words[other]], [words[at], words[other]]]) | st.lists(JUNK, max_size=2))
        words[at : at + draw(st.integers(0, 3))] = put
        words = words or [" "]
    return "".join(words)


def refused_at_a_place(read: Callable[[Diagnostics], object], file: str) -> None:
    """Check that ``read`` accepts the file or refuses it at one of its lines."""
    found = Diagnostics()
    try:
        read(found)
    except Refused as refused:
        found = refused.diagnostics
    for fault in found.errors:
        assert fault.place is not None or fault.code in ("missing-file", "run-state"), fault
        assert fault.place is None or fault.place.file.endswith(file)


@given(damaged(PROJECT))
def test_settings_are_read_or_refused_at_their_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".reana-batch.yaml").write_bytes(text.encode())
        refused_at_a_place(
            lambda found: resolve(None, (), Path(folder), found, {}, known=known_settings()), ".reana-batch.yaml"
        )


@given(damaged(PARAMETERS))
def test_parameters_are_read_or_refused_at_their_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "reana.yaml").write_text(ANALYSIS)
        (Path(folder) / "Snakefile").write_text("")
        (Path(folder) / "p.yaml").write_bytes(text.encode())
        spec = read_spec(Path(folder) / "reana.yaml", FRONTENDS, Diagnostics())
        refused_at_a_place(lambda found: file_parameters(spec, found), "p.yaml")


@given(damaged(MANIFEST), damaged(RECORD), st.booleans())
def test_damaged_records_are_named(manifest: str, record: str, both: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "test.1"
        (run / "batch").mkdir(parents=True)
        (run / "state").mkdir()
        (run / "batch/manifest.json").write_bytes((manifest if both else MANIFEST).encode())
        (run / "state/run.json").write_bytes((record if both or len(record) % 2 else RECORD).encode())
        with contextlib.suppress(Refused):
            assert status.status(run).state
