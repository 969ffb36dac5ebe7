"""Quoting, checked by the languages themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jinja2
import pytest

from reana_batch.backends.htcondor import dag
from reana_batch.diagnostics import Place
from reana_batch.ir import Repeated, Script, Step, Workflow, literal
from reana_batch.site import Site
from reana_batch.writing import render
from reana_batch.writing.render import (
    Unquotable,
    Verbatim,
    for_classad,
    for_comment,
    for_dag,
    for_make,
    for_sbatch,
    for_shell,
    for_submit,
)

NASTY = [
    "",
    "plain",
    "a b",
    " ",
    "it's",
    '"quoted"',
    "$HOME",
    "$(touch x)",
    "`touch x`",
    "\\",
    "\\\\",
    "back\\slash'quote\"",
    "line\nline",
    "\n",
    "trailing\n",
    "tab\t",
    "*",
    "?[a-z]",
    "~",
    "~root",
    "-n",
    "!history",
    "a;b&c|d<e>f",
    "#comment",
    "a#b",
    "{a,b}",
    "größe 日本 😀",
    "%d",
    "\x01\x1f\x7f",
    "=",
    "a=b",
]


def test_bash_reads_back_each_word() -> None:
    words = " ".join(for_shell(word) for word in NASTY)
    seen = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True).stdout
    assert seen.decode().split("\0")[:-1] == NASTY


def test_bash_reads_back_an_array() -> None:
    words = " ".join(for_shell(word) for word in NASTY)
    script = f"set -u\nlist=({words})\nprintf '%s\\0' \"${{list[@]}}\""
    seen = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    assert seen.decode().split("\0")[:-1] == NASTY


MAKE_WORDS = [
    "plain",
    "state/fit.1/0/17.chunk",
    "a~20b",
    "it's",
    '"q"',
    "$HOME",
    "$x$y",
    "$$",
    "größe",
    "a,b",
    "{a}",
    "@",
    "-x",
    "a&b",
    "<>",
    "`x`",
    "!",
]
MAKE_REFUSES = ["", " ", "a b", "a\nb", "a\tb", "a:b", "a#b", "50%", "a=b", "back\\slash", "a|b", "a;b", "lib(member)"]


def test_make_reads_back_each_word(tmp_path: Path) -> None:
    words = " ".join(for_make(word) for word in MAKE_WORDS)
    text = f"words := {words}\nall: ; @:\n$(foreach word,$(words),$(info $(word)))\n"
    (tmp_path / "Makefile").write_text(text)
    seen = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert seen.splitlines() == MAKE_WORDS


def test_make_builds_targets_of_these_names(tmp_path: Path) -> None:
    words = " ".join(for_make(word) for word in MAKE_WORDS)
    (tmp_path / "Makefile").write_text(f"all: | {words}\n{words}:\n\t@: $(info $@)\n")
    seen = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert seen.splitlines() == MAKE_WORDS


@pytest.mark.parametrize("word", MAKE_REFUSES)
def test_what_make_cannot_hold_is_refused(word: str) -> None:
    with pytest.raises(Unquotable) as fault:
        for_make(word)
    assert str(fault.value) == f"a Makefile cannot hold the name {word!r}"


@pytest.mark.parametrize(
    "word", ["", "fit", "fit.1", "a~20b", "10000M", "part-1,part_2", "user@group", "a:b", "logs/fit/slurm.out", "+x"]
)
def test_sbatch_lines_hold_plain_words(word: str) -> None:
    assert for_sbatch(word) == word


@pytest.mark.parametrize("word", ["a b", "a\nb", "it's", '"', "$x", "\\", "%j", "a;b", "#x", "é", "a=b", "a\n"])
def test_what_an_sbatch_line_cannot_hold_is_refused(word: str) -> None:
    with pytest.raises(Unquotable) as fault:
        for_sbatch(word)
    assert str(fault.value) == f"an #SBATCH line cannot hold {word!r}"


@pytest.mark.parametrize("word", ["fit.0", "a~20b.17", "batch/steps/fit/job.sub", "PARENT.0", "größe"])
def test_dag_files_hold_plain_words(word: str) -> None:
    assert for_dag(word) == word


@pytest.mark.parametrize("word", ["", "a b", "a\tb", "a\nb", "a\u00a0b", '"a"', "it's", "back\\slash", "a+b"])
def test_what_a_dag_file_cannot_hold_is_refused(word: str) -> None:
    with pytest.raises(Unquotable) as fault:
        for_dag(word)
    assert str(fault.value) == f"a DAG file cannot hold the name {word!r}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain text", "plain text"),
        (17, "17"),
        ("$(Cluster) costs $5", "$(DOLLAR)(Cluster) costs $(DOLLAR)5"),
        ('OpSysAndVer == "AlmaLinux9"', 'OpSysAndVer == "AlmaLinux9"'),
    ],
)
def test_submit_commands_hold_no_macros(value: object, written: str) -> None:
    assert for_submit(value) == written


@pytest.mark.parametrize("value", ["a\\", "true \\ ", "\\"])
def test_submit_commands_do_not_take_in_the_next_line(value: str) -> None:
    with pytest.raises(Unquotable) as fault:
        for_submit(value)
    assert str(fault.value) == "an HTCondor submit command cannot end with a backslash"


@pytest.mark.parametrize("value", ["a\nqueue 1000", "a\rb", "a\0b"])
def test_submit_commands_are_one_line(value: str) -> None:
    with pytest.raises(Unquotable) as fault:
        for_submit(value)
    assert str(fault.value) == "an HTCondor submit command must be one line"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("fit", '"fit"'),
        ('a "b"', r'"a \"b\""'),
        ("back\\slash", r'"back\\slash"'),
        ("$x", '"$(DOLLAR)x"'),
        ("größe", '"größe"'),
    ],
)
def test_classad_strings(value: str, written: str) -> None:
    assert for_classad(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("fit größe 日本", "fit größe 日本"),
        ("a\nrm -rf ~", "a?rm -rf ~"),
        ("a\rb\0c\u2028d", "a?b?c?d"),
        ("a\\", "a\\."),
    ],
)
def test_comments_are_one_line(value: str, written: str) -> None:
    assert for_comment(value) == written


# --- templates ------------------------------------------------------------------------------------


def filled(language: str, template: str, **values: object) -> str:
    return render.environment(language).from_string(template).render(**values)


def test_values_are_quoted_by_the_language_of_their_file() -> None:
    written = {language: filled(language, "{{ it }}", it="$x") for language in ("sh", "sub", "dag", "make")}
    assert written == {"sh": "'$x'", "sub": "$(DOLLAR)x", "dag": "$x", "make": "$$x"}


def test_verbatim_text_is_not_quoted() -> None:
    assert filled("sh", "{{ it }}", it=Verbatim("$x")) == "$x"


def test_words_are_quoted_one_by_one() -> None:
    assert filled("sh", "({{ it|words }})", it=["a b", "", "c"]) == "('a b' '' 'c')"
    assert filled("sh", "({{ it|words }})", it=[]) == "()"


def test_filters_are_not_quoted_twice() -> None:
    assert filled("sub", "# {{ it|comment }}\nx = {{ it|classad }}\n", it="a $b") == '# a $b\nx = "a $(DOLLAR)b"\n'


def test_undefined_names_and_none_are_errors() -> None:
    with pytest.raises(jinja2.UndefinedError) as fault:
        filled("sh", "{{ missing }}")
    assert str(fault.value) == "'missing' is undefined"
    with pytest.raises(jinja2.UndefinedError) as fault:
        filled("sh", "{{ it }}", it=None)
    assert str(fault.value) == "a value to be written is None"


def test_long_files_are_made_in_pieces() -> None:
    origin = Place("reana.yaml", 1)
    step = Step("fit", "fit", origin, Script((literal("true", origin),)), table=Repeated(1000))
    lowered = next(dag.lower(Workflow("w", "serial", (step,)), Site()))
    pieces = list(lowered.text)
    assert len(pieces) > 2
    jobs = [line for line in "".join(pieces).splitlines() if line.startswith("JOB ")]
    assert jobs == [f"JOB fit.{row} batch/steps/fit/job.sub" for row in range(1000)]
