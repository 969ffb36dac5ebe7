"""YAML files: the places of values, keys and ``$``, and the faults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reana_batch.diagnostics import Diagnostics, Severity, render
from reana_batch.reading.document import Document, DocumentPath, read_document
from reana_batch.reading.parameters import typed_parameters

PlaceOf = tuple[int, int, int]  # line, column, width


def read(folder: Path, text: str | bytes) -> tuple[Document | None, str]:
    """Return the document and all messages that the user would see."""
    path = folder / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    diagnostics = Diagnostics()
    document = read_document(path, "x.yaml", diagnostics)
    return document, render(diagnostics, diagnostics.sources)


def sound(folder: Path, text: str | bytes) -> Document:
    document, shown = read(folder, text)
    assert shown == ""
    assert document is not None
    return document


# --- places of values and keys --------------------------------------------------------------------

ANCHORED = """\
base: &base
  image: python
steps:
  - <<: *base
    name: fit
  - *base
"""

PLACES: dict[str, tuple[str, DocumentPath, PlaceOf]] = {
    "plain": ("a: text\n", ["a"], (1, 4, 4)),
    "after text that is not ASCII": ("é: {日本: größe}\n", ["é", "日本"], (1, 9, 5)),
    "beyond the basic plane": ('"😀": 😀😀\n', ["😀"], (1, 6, 2)),
    "single quotes": ("a: 'it''s'\n", ["a"], (1, 4, 7)),
    "double quotes": ('a: "x\\ty"\n', ["a"], (1, 4, 6)),
    "in a list": ("a:\n  - x\n  - yy\n", ["a", 1], (3, 5, 2)),
    "in a flow list": ("a: [x, yy]\n", ["a", 1], (1, 8, 2)),
    "number": ("a: 010\n", ["a"], (1, 4, 3)),
    "empty value": ("a:\nb: 1\n", ["a"], (1, 3, 1)),
    "mapping over lines": ("a:\n  b: 1\n  c: 2\n", ["a"], (2, 3, 1)),
    "literal": ("a: |\n  one\n  two\n", ["a"], (1, 4, 1)),
    "anchored": (ANCHORED, ["base"], (1, 7, 1)),
    "merged in": (ANCHORED, ["steps", 0, "image"], (2, 10, 6)),
    "next to a merge": (ANCHORED, ["steps", 0, "name"], (5, 11, 3)),
    "through an alias": (ANCHORED, ["steps", 1, "image"], (2, 10, 6)),
    "nearest parent": ("a:\n  b: 1\n", ["a", "c", "d"], (2, 3, 1)),
    "index past the end": ("a: [x]\n", ["a", 4], (1, 4, 3)),
    "line ends of Windows": ("a: 1\r\nb: text\r\n", ["b"], (2, 4, 4)),
    "byte order mark": ("\ufeffa: text\n", ["a"], (1, 4, 4)),
    "the file": ("a: 1\n", [], (1, 1, 1)),
}


@pytest.mark.parametrize("case", PLACES)
def test_place_of_value(case: str, tmp_path: Path) -> None:
    text, path, expected = PLACES[case]
    place = sound(tmp_path, text).place(path)
    assert (place.file, place.line, place.column, place.width) == ("x.yaml", *expected)


KEY_PLACES: dict[str, tuple[str, DocumentPath, PlaceOf]] = {
    "plain": ("a:\n  key: 1\n", ["a", "key"], (2, 3, 3)),
    "quoted": ('a: {"key": 1}\n', ["a", "key"], (1, 5, 5)),
    "merged in": (ANCHORED, ["steps", 0, "image"], (2, 3, 5)),
    "after text that is not ASCII": ("é: {ü: 1, key: 1}\n", ["é", "key"], (1, 11, 3)),
    "no such key": ("a:\n  key: 1\n", ["a", "other"], (2, 3, 1)),
    "entry of a list": ("a: [x, y]\n", ["a", 1], (1, 4, 6)),
}


@pytest.mark.parametrize("case", KEY_PLACES)
def test_place_of_key(case: str, tmp_path: Path) -> None:
    text, path, expected = KEY_PLACES[case]
    place = sound(tmp_path, text).key_place(path)
    assert (place.file, place.line, place.column, place.width) == ("x.yaml", *expected)


# --- places of $ ----------------------------------------------------------------------------------

# The place of the second $ in the value of "a".
DOLLARS: dict[str, tuple[str, PlaceOf]] = {
    "plain": ("a: x $y $zz\n", (1, 9, 3)),
    "plain over lines": ("a: x $y\n  more\n  of $zz\n", (3, 6, 3)),
    "single quotes": ("a: 'it''s $y $zz'\n", (1, 14, 3)),
    "double quotes": ('a: "\\t$y\\n$zz"\n', (1, 11, 3)),
    "double quotes over lines": ('a: "$y \\\n  x\n\n  $zz"\n', (4, 3, 3)),
    "folded": ("a: >\n  $y\n  x\n\n  and $zz\n", (5, 7, 3)),
    "folded, stripped": ("a: >-\n  $y\n  and $zz\n", (3, 7, 3)),
    "literal": ("a: |\n  $y\n    $zz\n", (3, 5, 3)),
    "literal, indented by order": ("a: |2-\n    $y\n  $zz\n", (3, 3, 3)),
    "literal, with lines kept": ("a: |+\n  $y\n  $zz\n\n\nb: $n\n", (3, 3, 3)),
    "literal, before a comment": ("a: |\n  $y\n  $zz\n# $5\n", (3, 3, 3)),
    "anchored": ("a: &it x $y $zz\n", (1, 13, 3)),
    "through an alias": ("b: &it x $y $zz\na: *it\n", (1, 13, 3)),
    "merged in": ("b: &it {a: $y $zz}\n<<: *it\n", (1, 15, 3)),
    "after text that is not ASCII": ("a: 'é日😀 $y $zz'\n", (1, 12, 3)),
    "line ends of Windows": ("a: |\r\n  $y\r\n  $zz\r\n", (3, 3, 3)),
    "byte order mark": ("\ufeffa: $y $zz\n", (1, 7, 3)),
    # The place of the value itself, if the source has another number of $.
    "written as an escape": ('a: "\\x24y $zz"\n', (1, 4, 11)),
    "with one in the header's comment": ("a: | # $5\n  $y\n  $zz\n", (1, 4, 1)),
}


@pytest.mark.parametrize("case", DOLLARS)
def test_place_of_dollar(case: str, tmp_path: Path) -> None:
    text, expected = DOLLARS[case]
    document = sound(tmp_path, text)
    value = document.data["a"]
    place = document.place_in(["a"], value.index("$zz"), 3)
    assert (place.line, place.column, place.width) == expected


def test_source_is_what_was_written(tmp_path: Path) -> None:
    document = sound(tmp_path, "a: 0o10\nb: 'it''s'\nc:\n")
    assert [document.source_of([key]) for key in "abc"] == ["0o10", "'it''s'", ""]


# --- values ---------------------------------------------------------------------------------------

VALUES: dict[str, tuple[str, Any]] = {
    "YAML 1.1": ("[010, off, 12:30:00, 1_000, 1e-7, 1.10, ~]", [8, False, 45000, 1000, "1e-7", 1.1, None]),
    "later keys win over merged ones": (
        "{b: &b {x: 1, y: 1}, a: {<<: *b, x: 2}}",
        {"b": {"x": 1, "y": 1}, "a": {"x": 2, "y": 1}},
    ),
    "the first of merged mappings wins": ("{<<: [{x: 1}, {x: 2, y: 2}]}", {"x": 1, "y": 2}),
    "a quoted << is a key": ('{"<<": 1}', {"<<": 1}),
    "folded": (">\n  a\n  b\n\n  c\n", "a b\nc\n"),
    "null": ("~", None),
}


@pytest.mark.parametrize("case", VALUES)
def test_value(case: str, tmp_path: Path) -> None:
    text, expected = VALUES[case]
    assert sound(tmp_path, text).data == expected


def test_numbers_of_a_thousand_digits_are_read(tmp_path: Path) -> None:
    assert sound(tmp_path, f"a: {'9' * 1000}\n").data == {"a": 10**1000 - 1}


def test_every_fault_is_recorded_at_once(tmp_path: Path) -> None:
    _, shown = read(tmp_path, "a: [2020-01-01, !!bool maybe, {b: 1, b: .nan, 3: 0x_}]\nc: {<<: {d: 1, d: 2}}\n")
    codes = [line.rpartition(" ")[2] for line in shown.splitlines() if " error: " in line]
    expected = ["not-json", "not-json", "duplicate-key", "not-json", "bad-type", "not-json", "duplicate-key"]
    assert codes == [f"[{code}]" for code in expected]


def test_aliases_share_what_they_stand_for(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 4)}]\n" for n in range(1, 5))
    document = sound(tmp_path, f"l0: &l0 [x, x, x, x]\n{levels}")
    assert document.place(["l4", 3, 2, 1, 0, 2]).line == 1


# --- faults ---------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[str | bytes, str]] = {
    "tab as indentation": (
        "a: 1\n\tb: 2\n",
        "x.yaml:2:1: error: A tab cannot indent YAML. [yaml-syntax]\n  \tb: 2\n  ^\nhint: indent with spaces.\n",
    ),
    "tab before a list": (
        "a:\n\t- x\n",
        "x.yaml:2:1: error: A tab cannot indent YAML. [yaml-syntax]\n  \t- x\n  ^\nhint: indent with spaces.\n",
    ),
    "reserved character": (
        "a: @x\n",
        "x.yaml:1:4: error: This character cannot start a value. [yaml-syntax]\n"
        "  a: @x\n"
        "     ^\n"
        "hint: quote the value.\n",
    ),
    "colon inside": (
        "a: b: c\n",
        "x.yaml:1:5: error: A second ': ' in one line. [yaml-syntax]\n"
        "  a: b: c\n"
        "      ^\n"
        "hint: quote the value that holds it, or begin the inner mapping in a new line.\n",
    ),
    "open quote": (
        "a: 'x\n",
        "x.yaml:1:4: error: This quote is never closed. [yaml-syntax]\n  a: 'x\n     ^\nhint: close it.\n",
    ),
    "open bracket": (
        "a: {b: 1\n",
        "x.yaml:1:4: error: This bracket is never closed. [yaml-syntax]\n"
        "  a: {b: 1\n"
        "     ^\n"
        "hint: close it, or put a comma between entries.\n",
    ),
    "unknown alias": (
        "a: *x\n",
        "x.yaml:1:4: error: No anchor has this name. [yaml-syntax]\n"
        "  a: *x\n"
        "     ^\n"
        "hint: quote a value that starts with *.\n",
    ),
    "second document": (
        "a: 1\n---\nb: 2\n",
        "x.yaml:2:1: error: A second YAML document starts here. [yaml-syntax]\n"
        "  ---\n"
        "  ^\n"
        "hint: keep one document per file.\n",
    ),
    "anything else": (
        'a: "\\q"\n',
        'x.yaml:1:5: error: Double quotes do not know this backslash escape. [yaml-syntax]\n  a: "\\q"\n      ^\n'
        "hint: write two backslashes, or single quotes.\n",
    ),
    "empty": (
        "",
        "x.yaml:1:1: error: x.yaml is empty. [empty-file]\nhint: see: reana-batch samples\n",
    ),
    "only a comment": (
        "# nothing\n",
        "x.yaml:1:1: error: x.yaml is empty. [empty-file]\n  # nothing\n  ^\nhint: see: reana-batch samples\n",
    ),
    "duplicate keys": (
        "a: 1\nb: {c: 1, c: 2}\na: 3\n",
        'x.yaml:2:11: error: "c" is already set. [duplicate-key]\n'
        "  b: {c: 1, c: 2}\n"
        "            ^\n"
        "x.yaml:2:5: note: It is first set here.\n"
        "  b: {c: 1, c: 2}\n"
        "      ^\n"
        "hint: keep one of the two.\n"
        'x.yaml:3:1: error: "a" is already set. [duplicate-key]\n'
        "  a: 3\n"
        "  ^\n"
        "x.yaml:1:1: note: It is first set here.\n"
        "  a: 1\n"
        "  ^\n"
        "hint: keep one of the two.\n",
    ),
    "date": (
        "a: 2020-01-01\n",
        "x.yaml:1:4: error: Expected text or a number, not a YAML timestamp. [not-json]\n"
        "  a: 2020-01-01\n"
        "     ^^^^^^^^^^\n"
        "hint: quote it.\n",
    ),
    "date that is none": (
        "a: 2020-13-45\n",
        "x.yaml:1:4: error: Expected text or a number, not a YAML timestamp. [not-json]\n"
        "  a: 2020-13-45\n"
        "     ^^^^^^^^^^\n"
        "hint: quote it.\n",
    ),
    "Python object": (
        "a: !!python/name:os.system x\n",
        "x.yaml:1:4: error: Expected text or a number, not a YAML python/name:os.system. [not-json]\n"
        "  a: !!python/name:os.system x\n"
        "     ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "hint: quote it.\n",
    ),
    "keys that are not text": (
        "1: x\non: x\n? [a]\n: x\n",
        "x.yaml:1:1: error: A key must be text, not '1'. [bad-type]\n"
        "  1: x\n"
        "  ^\n"
        "hint: quote the key.\n"
        "x.yaml:2:1: error: A key must be text, not 'on'. [bad-type]\n"
        "  on: x\n"
        "  ^^\n"
        "hint: quote the key.\n"
        "x.yaml:3:3: error: A key must be text, not a list or mapping. [bad-type]\n"
        "  ? [a]\n"
        "    ^^^\n"
        "hint: quote the key.\n",
    ),
    "alias of what holds it": (
        "a: &x [1, *x]\n",
        "x.yaml:1:4: error: An alias stands for a value that contains it. [not-json]\n  a: &x [1, *x]\n     ^^^^^^^^^^\n",
    ),
    "merge of no mapping": (
        "<<: [1]\n",
        "x.yaml:1:6: error: This is not YAML: expected a mapping for merging, but found scalar. [yaml-syntax]\n"
        "  <<: [1]\n"
        "       ^\n",
    ),
    "bytes that are not UTF-8": (
        b"a: 1\n\xc3\xa9: \xe9t\xe9\n",
        "x.yaml:2:4: error: The file must be UTF-8 text, but the byte 0xE9 is not. [yaml-encoding]\n"
        "  é: \ufffdt\ufffd\n     ^\nhint: save it as UTF-8.\n",
    ),
    "UTF-16": (
        "a: 1\n".encode("utf-16"),
        "x.yaml:1:1: error: The file must be UTF-8 text, but the byte 0xFF is not. [yaml-encoding]\n"
        "  \ufffd\ufffda?:? ?1?\n  ^\nhint: save it as UTF-8.\n",
    ),
    "byte order mark before bytes that are not UTF-8": (
        b"\xef\xbb\xbfa: 1\nb: \xff\n",
        "x.yaml:2:4: error: The file must be UTF-8 text, but the byte 0xFF is not. [yaml-encoding]\n"
        "  b: \ufffd\n     ^\nhint: save it as UTF-8.\n",
    ),
    "infinity by its exponent": (
        "a: 1.0e+999\n",
        "x.yaml:1:4: error: Expected text or a number, not a YAML infinity. [not-json]\n"
        "  a: 1.0e+999\n"
        "     ^^^^^^^^\n"
        "hint: quote it.\n",
    ),
    **{
        name: (
            f"a: {number}\n",
            f"x.yaml:1:4: error: A number may have at most 1,000 characters. This one has {len(number):,}. [not-json]\n"
            f"  a: {number[:197]}\n"
            f"     {'^' * 197}\n"
            "hint: quote it.\n",
        )
        for name, number in {
            "decimal number": "9" * 6000,
            "octal number": "0" + "7" * 6000,
            "binary number": "0b" + "1" * 6000,
            "hexadecimal number": "0x" + "f" * 6000,
            "sexagesimal number": "1" + ":59" * 20000,
            "sexagesimal fraction": "1" + ":59" * 20000 + ".5",
            "number of many decimals": "1." + "3" * 6000,
        }.items()
    },
    "infinity": (
        "a: [1, -.inf]\n",
        "x.yaml:1:8: error: Expected text or a number, not a YAML infinity. [not-json]\n"
        "  a: [1, -.inf]\n"
        "         ^^^^^\n"
        "hint: quote it.\n",
    ),
    "not a number": (
        "a: .nan\n",
        "x.yaml:1:4: error: Expected text or a number, not a YAML NaN. [not-json]\n"
        "  a: .nan\n"
        "     ^^^^\n"
        "hint: quote it.\n",
    ),
    "tag that the value does not fit": (
        "a: 1\nb: !!bool maybe\n",
        'x.yaml:2:4: error: "maybe" is not a YAML bool. [not-json]\n'
        "  b: !!bool maybe\n"
        "     ^^^^^^^^^^^^\n"
        "hint: quote it.\n",
    ),
    "tag that nothing does not fit": (
        "a: 1\nb: !!int ''\n",
        "x.yaml:2:4: error: \"\" is not a YAML int. [not-json]\n  b: !!int ''\n     ^^^^^^^^\nhint: quote it.\n",
    ),
    "NUL": (
        "a: 1\nb: x\0\n",
        "x.yaml:2:5: error: YAML does not allow the character U+0000. [yaml-syntax]\n  b: x?\n      ^\nhint: delete it.\n",
    ),
    "bell": (
        "a: 1\nb: \aé\n",
        "x.yaml:2:4: error: YAML does not allow the character U+0007. [yaml-syntax]\n  b: ?é\n     ^\nhint: delete it.\n",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_fault(case: str, tmp_path: Path) -> None:
    text, expected = FAULTS[case]
    assert read(tmp_path, text) == (None, expected)


def test_aliases_cannot_blow_the_document_up(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert read(tmp_path, f"l0: &l0 [x]\n{levels}") == (
        None,
        "x.yaml:1:1: error: With its aliases the file has 234,567,901 values. It may have at most 1,000,000. [too-large]\n"
        "  l0: &l0 [x]\n"
        "  ^\n"
        "hint: keep long lists in separate files, which commands read.\n",
    )


def test_the_first_value_that_is_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reana_batch.reading.document._MOST_VALUES", 6)
    document, _ = read(tmp_path, "a: 1\nb: [2]\n")  # six, counting the mapping itself
    assert document is not None
    assert document.data == {"a": 1, "b": [2]}
    assert read(tmp_path, "a: 1\nb: [2,\n  {c: 3}]\n") == (
        None,
        "x.yaml:3:4: error: The file may have at most 6 keys and values. Here it has more. [too-large]\n"
        "    {c: 3}]\n"
        "     ^\n"
        "hint: keep long lists in separate files, which commands read.\n",
    )


# A process of its own runs this, because libyaml ends the process that it is in.
READ = """
import sys
from pathlib import Path
from reana_batch.diagnostics import Diagnostics, render
from reana_batch.reading.document import read_document
diagnostics = Diagnostics()
read_document(Path(sys.argv[1]), "x.yaml", diagnostics)
print(render(diagnostics, {}), end="")
"""


@pytest.mark.parametrize(("text", "column"), [("[" * 100_000 + "]" * 100_000, 101), ("- " * 100_000, 201)])
def test_nesting_cannot_crash_the_reader(text: str, column: int, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    reader = [sys.executable, "-c", READ, str(tmp_path / "x.yaml")]
    ended = subprocess.run(reader, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (
        0,
        f"x.yaml:1:{column}: error: YAML may be nested at most 100 levels deep. [yaml-syntax]\n",
    )


@pytest.mark.parametrize(("levels", "inside", "faults"), [(100, "", 0), (100, "1", 0), (101, "", 1), (101, "1", 1)])
def test_at_most_a_hundred_levels_are_read(levels: int, inside: str, faults: int, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("[" * levels + inside + "]" * levels)
    diagnostics = Diagnostics()
    assert (read_document(tmp_path / "x.yaml", "x.yaml", diagnostics) is None) == bool(faults)
    assert diagnostics.count(Severity.ERROR) == faults


def test_a_key_of_its_own_counts_before_a_merged_one(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "x: &a {k: 1, l: 3}\ny: {<<: *a, k: 2}\n")
    assert document is not None
    assert document.sources(["y"]) == {"k": "2", "l": "3"}
    assert document.source_of(["y", "k"]) == "2"


def test_file_that_is_not_there(tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    assert read_document(tmp_path / "none", "none", diagnostics) is None
    assert render(diagnostics, {}) == "error: none cannot be read: No such file or directory. [missing-file]\n"


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    assert read_document(tmp_path, "here", diagnostics) is None
    assert render(diagnostics, {}) == "error: here cannot be read: It is a directory, not a file. [missing-file]\n"


GIVEN = {"flag=FALSE": False, "cuts=[2, 3]": [2, 3], "table={b: 2}": {"b": 2}, "text=12": "12", "count=12": 12}


@pytest.mark.parametrize("word", GIVEN)
def test_a_parameter_of_the_command_line_has_the_type_that_the_analysis_declares(word: str, tmp_path: Path) -> None:
    name, _, text = word.partition("=")
    diagnostics = Diagnostics()
    (tmp_path / "reana.yaml").write_text(
        "inputs: {parameters: {flag: true, cuts: [1], table: {a: 1}, text: abc, count: 1}}"
    )
    document = read_document(tmp_path / "reana.yaml", "reana.yaml", diagnostics)
    assert document is not None
    assert typed_parameters({name: text}, document, diagnostics) == {name: GIVEN[word]}
    assert not diagnostics.errors


def test_a_list_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    (tmp_path / "reana.yaml").write_text("inputs: {parameters: {cuts: [1]}}")
    document = read_document(tmp_path / "reana.yaml", "reana.yaml", diagnostics)
    assert document is not None
    assert typed_parameters({"cuts": "[2"}, document, diagnostics) == {}
    assert [fault.message for fault in diagnostics.errors] == ['-p cuts must be a list as in the analysis, not "[2".']
