"""Every message as the user sees it: input, expected text and exit code in one file each of ``errors/``.

    $ reana-batch validate -p x=1            the command; NAME=VALUE in front sets its environment
    >>> reana.yaml                           a file in the working directory of the command
    >>> bytes.yaml (escapes)                 the same, with Python's escapes such as \\xff
    >>> secret (private)                     the same, but other users cannot read it or its directories
    >>> data/                                an empty directory
    >>> link -> target                       a symbolic link
    >>> exit 3                               the exit code, then all that stderr shows
    >>> stdout                               then the answer, if there is one

``$ lower NAME`` compiles the workflow NAME of ``_BROKEN`` below, which a reana.yaml cannot express.
``DIR`` stands for the working directory. A file has the name of its code: ``CODE.txt`` or ``CODE.which.txt``.
``REWRITE_GOLDEN=1 pytest tests/golden`` accepts the present messages; review the diff.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from reana_batch import pipeline
from reana_batch.backends import known_settings
from reana_batch.diagnostics import CODES, Diagnostics, Refused, render
from reana_batch.ir import Need
from reana_batch.reading import sites
from tests import python_lines

from .forked import Ended, Forked
from .workflows import flow, step

HERE = Path(__file__).parent / "errors"
REWRITE = bool(os.environ.get("REWRITE_GOLDEN"))
GOLDEN = sorted(HERE.glob("*.txt"))

_CODE = re.compile(r"(?:^|: )(error|warning): .*\[([a-z-]+)\]$", re.MULTILINE)
_JSON_CODE = re.compile(r'"severity": "(error|warning)",\s+"code": "([a-z-]+)"')


@dataclass(frozen=True)
class Golden:
    """A file of ``errors/``. ``head`` ends before the line ``>>> exit``, and ``expected`` begins with it."""

    head: str
    expected: str

    @property
    def environment(self) -> dict[str, str]:
        words = self.words[: self.words.index("reana-batch")]
        return dict(word.split("=", 1) for word in words)

    @property
    def args(self) -> list[str]:
        return self.words[self.words.index("reana-batch") + 1 :]

    @property
    def words(self) -> list[str]:
        command = self.head.split("\n", 1)[0]
        assert command.startswith("$ ")
        return shlex.split(command.removeprefix("$ "))

    def set_up(self, directory: Path) -> None:
        """Make the files that the command needs."""
        for section in self.head.split("\n>>> ")[1:]:
            name, _, text = (section + "\n").partition("\n")
            link, arrow, target = name.partition(" -> ")
            path = directory / link.removesuffix(" (escapes)").removesuffix(" (private)")
            private = name.endswith(" (private)")
            path.parent.mkdir(parents=True, exist_ok=True)
            if arrow:
                path.symlink_to(target)
            elif name.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(_unescaped(text) if name.endswith(" (escapes)") else text.encode())
            if private:
                path.chmod(0o600)
                for folder in path.relative_to(directory).parents[:-1]:
                    (directory / folder).chmod(0o700)


def _unescaped(text: str) -> bytes:
    return text.replace("\\\n", "").encode("latin-1").decode("unicode_escape").encode("latin-1")


def read_golden(path: Path) -> Golden:
    text = path.read_bytes().decode()
    head, marker, expected = text.partition("\n>>> exit ")
    return Golden(head, marker.lstrip("\n") + expected)


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_the_user_sees_what_the_golden_file_says(path: Path, program: Forked, tmp_path: Path) -> None:
    golden = read_golden(path)
    directory = tmp_path / "analysis"
    directory.mkdir()
    golden.set_up(directory)
    lowers = golden.words[0] == "lower"
    ended = _lower(golden.words[1], directory) if lowers else _run(golden, directory, program)
    answer = f">>> stdout\n{ended.stdout}" if ended.stdout else ""
    shown = f">>> exit {ended.code}\n{ended.stderr}{answer}"
    actual = shown.replace(str(directory), "DIR").replace(str(tmp_path), "DIR/..")
    assert "Traceback" not in actual, actual
    if REWRITE:
        path.write_bytes(f"{golden.head}\n{actual}".encode())
        golden = read_golden(path)
    assert actual.split("\n") == golden.expected.split("\n")
    assert path.name.split(".")[0] in codes_of(golden)


def _run(golden: Golden, directory: Path, program: Forked) -> Ended:
    environment = {name: value.replace("DIR", str(directory)) for name, value in golden.environment.items()}
    if "type: snakemake" in golden.head:
        environment |= python_lines.variables()  # it is read by a process of its own
    return program.run(golden.args, directory, environment)


def _lower(name: str, directory: Path) -> Ended:
    source = (directory / "flow/reana.yaml").read_text("utf-8")
    diagnostics = Diagnostics(sources={"flow/reana.yaml": source})
    site = sites.resolve("generic-slurm", (), None, diagnostics, {}, known=known_settings()).site
    try:
        pipeline.lower(_BROKEN[name], site, "slurm", diagnostics)
    except Refused as refused:
        return Ended(3, "", render(refused.diagnostics, diagnostics.sources))
    return Ended(0, "", "")


_BROKEN = {
    "circle": flow(step("first", 4, Need("third")), step("second", 5, Need("first")), step("third", 6, Need("second"))),
}


def codes_of(golden: Golden) -> set[str]:
    return {code for _, code in found_in(golden.expected)}


def found_in(expected: str) -> list[tuple[str, str]]:
    """Return severity and code of each message, in words or in JSON."""
    return _CODE.findall(expected) + _JSON_CODE.findall(expected)


def test_every_code_has_a_golden_file() -> None:
    shown = {path.name.split(".")[0] for path in GOLDEN}
    assert shown == CODES.keys()


def test_every_message_has_a_known_code() -> None:
    for path in GOLDEN:
        expected = read_golden(path).expected
        assert codes_of(read_golden(path)) <= CODES.keys(), path.name
        lines = re.findall(r"^(?:\S+: )?(?:error|warning): .*", expected, re.MULTILINE)
        assert len(lines) == len(_CODE.findall(expected)), path.name


def test_errors_refuse_and_warnings_do_not() -> None:
    for path in GOLDEN:
        expected = read_golden(path).expected
        errors = {code for severity, code in found_in(expected) if severity == "error"}
        code = 2 if errors == {"usage"} else 3 if errors else 0
        assert expected.startswith(f">>> exit {code}\n"), path.name
        assert (">>> stdout\n" in expected) == (code != 3), path.name
