"""The count of the lines of bash that tests run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reana_batch.writing import libraries
from tests import bash_lines
from tests.bash import Bash


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of traces."""
    folder = tmp_path / "traces"
    monkeypatch.setenv("TRACE_BASH", str(folder))
    bash_lines.begin()
    return folder


def test_the_lines_of_a_call_are_counted(traces: Path, bash: Bash) -> None:
    bash("set_stem", "7", "251")
    part = bash_lines.read_part("job/rows")
    run = bash_lines.lines_run(traces)["job/rows"]
    assert not run.isdisjoint(part.functions["set_stem"])
    first, second, third, *_ = (at for at in part.commands if at.start in part.functions["set_stem"])
    assert [run.isdisjoint(at) for at in (first, second, third)] == [False, False, True]
    found = bash_lines.share(traces)
    assert "slurm/submit.sh begin" in found.functions_left
    assert "job/rows.sh set_stem" not in found.functions_left
    assert "no unit test runs slurm/submit.sh begin\n" in str(found)
    assert not found.is_enough


def test_lines_of_a_library_are_those_of_its_parts(traces: Path) -> None:
    text = libraries.text("submit-lib.sh").splitlines()
    line = text.index("new_token() { # -> $token") + 3
    (traces / "a.trace").write_text(f"+\x1fbatch/submit-lib.sh\x1f{line}\x1fprintf\n+\x1fbatch/ship.sh\x1f5\x1f:\n")
    run = bash_lines.lines_run(traces)
    assert {part: lines for part, lines in run.items() if lines} == {
        "slurm/tools": {line - text.index("# --- slurm/tools ---")},
        "htcondor/ship": {5},
    }
    assert line - text.index("# --- slurm/tools ---") in bash_lines.read_part("slurm/tools").functions["new_token"]


def test_a_bash_that_is_traced_sees_and_says_the_same(traces: Path) -> None:
    script = (
        'echo "$-" | tr -d x; env | sort; bash -c "echo \\$-; env | sort"; echo told >&2; ls /none 2>/dev/null; echo $?'
    )
    plain = {name: text for name, text in os.environ.items() if name not in bash_lines.traced()}
    seen = [
        subprocess.run(["bash", "-c", script], env=each, capture_output=True, text=True, check=True)
        for each in (plain, plain | bash_lines.traced())
    ]
    assert [each.stdout for each in seen] == [seen[0].stdout] * 2
    assert [each.stderr for each in seen] == ["told\n"] * 2
    assert len(list(traces.glob("*.trace"))) == 1


def test_commands_of_several_lines_count_once_and_structure_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    text = (
        "# a comment\nf() { # WORD\n  local a='two\nlines' # and more\n  if one ||\n    two; then\n    three\n  else\n"
        "    four \\\n      five\n  fi\n  case $1 in\n    x) six ;;\n    y) ;;\n    *)\n      seven # not ||\n      ;;\n  esac\n}\n"
        "g() { eight; }\ncat <<'END'\nnine\nEND\n"
    )
    (tmp_path / "a/b.sh").write_text(text)
    monkeypatch.setattr(bash_lines, "TEMPLATES", tmp_path)
    part = bash_lines.read_part("a/b")
    assert part.functions == {"f": range(2, 20), "g": range(20, 21)}
    assert [(at.start, at.stop - 1) for at in part.commands] == [
        (3, 4),
        (5, 6),
        (7, 7),
        (9, 10),
        (13, 13),
        (16, 16),
        (20, 20),
        (21, 21),
    ]


def test_every_function_and_most_lines_have_to_be_run() -> None:
    share = bash_lines.Share(2, 100, (), tuple("l" * (100 - bash_lines.FLOOR)))
    assert share.is_enough
    assert not replace(share, functions_left=("a.sh f",)).is_enough
    assert not replace(share, lines_left=(*share.lines_left, "l")).is_enough
