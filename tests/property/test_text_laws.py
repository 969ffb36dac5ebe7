"""Laws of texts: placeholders, names and quoting."""

from __future__ import annotations

import contextlib
import re
import shlex
import string
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reana_batch.names import decode, encode
from reana_batch.reading import expressions, hints
from reana_batch.reading.expressions import Placeholder, fill, split_placeholders
from reana_batch.reading.images import BadImage, parse
from reana_batch.writing.render import (
    Unquotable,
    for_classad,
    for_comment,
    for_dag,
    for_make,
    for_sbatch,
    for_shell,
    for_submit,
    for_yaml,
    for_yaml_block,
)

# Processes and file names cannot hold NUL, and UTF-8 has no surrogates.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS)

# --- placeholders ---------------------------------------------------------------------------------

NAMES = ("x", "X", "_x1", "events")
# Some of these letters become ASCII letters when case is ignored.
DOLLAR_PIECES = (
    "$",
    "$$",
    "{",
    "}",
    "${",
    *NAMES,
    *(f"${{{n}}}" for n in NAMES),
    "$undefined",
    "é",
    "\u017f",
    "\u212a",
    "1",
    "-",
    "\n",
    " ",
    "\\",
)
COMMANDS = st.lists(st.sampled_from(DOLLAR_PIECES) | TEXTS, max_size=12).map("".join)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(TEXTS) | st.dictionaries(TEXTS, TEXTS)
)
PARAMETERS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, VALUES))


def outcome(filling: Callable[[], str]) -> tuple[str, object]:
    """Return the filled text, or the way in which filling failed."""
    try:
        return "text", filling()
    except KeyError as error:
        return "undefined", error.args
    except ValueError:
        return "no name", ()


@given(COMMANDS, PARAMETERS)
def test_substitution_is_that_of_string_template_also_where_it_fails(text: str, parameters: dict[str, object]) -> None:
    theirs = outcome(lambda: string.Template(text).substitute(parameters))
    assert outcome(lambda: fill(split_placeholders(text), parameters)) == theirs


@given(COMMANDS)
def test_placeholders_and_literal_text_make_up_the_command(text: str) -> None:
    pieces = split_placeholders(text)
    written = [text[p.start : p.end] if isinstance(p, Placeholder) else p.replace("$", "$$") for p in pieces]
    assert "".join(written) == text


# --- small languages ------------------------------------------------------------------------------

NEARLY_SIZES = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,3})?[ :-]?[0-9]{0,2}[:m]?[0-9]{0,2}[KMGTPE]?i?B?", fullmatch=True)


def fault(read: Callable[[str], object], text: str) -> tuple[str, int] | None:
    """Return the sentence and the column of the fault, or None if ``read`` accepts the text."""
    try:
        read(text)
    except expressions.Unreadable as error:
        return str(error), error.column
    return None


@given(TEXTS | NEARLY_SIZES)
def test_every_hint_has_a_value_or_a_sentence(text: str) -> None:
    for read, *_ in hints.READERS.values():
        sentence, column = fault(read, text) or ("Fine", 0)
        assert sentence
        assert 0 <= column <= len(text)


@given(TEXTS)
def test_every_data_reference_has_a_value_or_a_sentence(text: str) -> None:
    expected = "A data reference must"
    for reference in (text, f"rucio({text})", f"rucio(a, b, {text})", f"root://{text}", f"root://h/a {text}"):
        sentence, column = fault(expressions.data_reference, reference) or (expected, 0)
        assert sentence.startswith(expected)
        assert 0 <= column <= len(reference)


_DATA_WORDS = st.from_regex(r"[A-Za-z0-9._+:/-]{1,12}", fullmatch=True)
_QUOTED = st.from_regex(r"[A-Za-z0-9 ,()=':]{0,12}", fullmatch=True)
_OPTION_NAMES = st.sampled_from(["path", "rse", "dataset", "lifetime"])


@given(st.lists(_DATA_WORDS | _QUOTED, min_size=3, max_size=3), st.dictionaries(_OPTION_NAMES, _DATA_WORDS | _QUOTED))
def test_a_data_reference_is_read_as_it_was_written(words: list[str], options: dict[str, str]) -> None:
    written = [f'"{word}"' for word in words] + [f'{name} = "{value}"' for name, value in options.items()]
    reference = expressions.data_reference(f"rucio({', '.join(written)})")
    assert [word.text for word in reference.words] == words
    assert {name: word.text for name, word in reference.options.items()} == options


_WORDS = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-)[a-z0-9]{1,4}){0,2}", fullmatch=True)
_REGISTRIES = st.sampled_from(["", "reg.io/", "localhost/", "localhost:5000/", "myregistry:5000/", "docker.io/"])
_TAGS = st.sampled_from(["", ":latest", ":v1_2.3-4", f"@sha256:{'0' * 64}", f":1@sha256:{'0' * 64}"])


@given(_REGISTRIES, st.lists(_WORDS, min_size=1, max_size=3), _TAGS)
def test_address_of_an_image_is_read_as_the_same_image(registry: str, repository: list[str], tag: str) -> None:
    reference = parse(registry + "/".join(repository) + tag)
    again = parse(reference.address)
    assert again.address == reference.address
    assert (again.registry, again.repository, again.digest) == (
        reference.registry,
        reference.repository,
        reference.digest,
    )


@given(TEXTS)
def test_image_is_a_reference_or_bad(text: str) -> None:
    with contextlib.suppress(BadImage):
        assert re.fullmatch(r"docker://[!-~]+", parse(text).address)


# --- names ----------------------------------------------------------------------------------------


@given(TEXTS)
def test_decode_gives_back_what_encode_took(text: str) -> None:
    assert decode(encode(text)) == text


@given(TEXTS)
def test_encoded_names_are_safe_words(text: str) -> None:
    name = encode(text)
    assert re.fullmatch(r"[A-Za-z0-9_~][A-Za-z0-9_~-]*", name)
    assert for_make(name) == for_dag(name) == for_sbatch(name) == name


@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=30, unique=True))
def test_encoded_names_are_files_for_bash_and_targets_for_make(texts: list[str]) -> None:
    names = [encode(text)[:200] for text in texts]
    stamps = list(dict.fromkeys(f"state/{name}/0.chunk" for name in names))
    with tempfile.TemporaryDirectory() as folder:
        for stamp in stamps:
            Path(folder, stamp).parent.mkdir(parents=True)
        (Path(folder) / "Makefile").write_text(
            f"stamps := {' '.join(stamps)}\n.PHONY: all\nall: | $(stamps)\n"
            "$(stamps): state/%.chunk:\n\t@bash -c 'printf \"%s\\n\" $@' && : > $@\n"
        )
        made = subprocess.run(["make", "-s"], cwd=folder, capture_output=True, text=True, check=True)
        assert made.stdout.splitlines() == stamps
        assert all(Path(folder, stamp).exists() for stamp in stamps)


# --- quoting --------------------------------------------------------------------------------------

SHELL_PIECES = ("'", '"', "\\", "$", "`", "\n", "$(", ")", "!", "*", "~", "\x01", "\x7f", "\r", " ", "é")
SHELL_TEXTS = st.lists(st.sampled_from(SHELL_PIECES) | TEXTS, max_size=6).map("".join)


@settings(max_examples=50)
@given(st.lists(SHELL_TEXTS, min_size=1, max_size=20))
def test_bash_reads_back_words_quoted_for_the_shell(words: list[str]) -> None:
    script = f"printf '%s\\0' {' '.join(map(for_shell, words))}\n"
    seen = subprocess.run(["bash", "-s"], input=script.encode(), capture_output=True, check=True).stdout
    assert seen.decode().split("\0")[:-1] == words


def accepted(quote: Callable[[object], str], texts: list[str]) -> dict[str, str]:
    """Return the quoted form of each text that the language can hold."""
    written = {}
    for text in texts:
        with contextlib.suppress(Unquotable):
            written[text] = quote(text)
    return written


@settings(max_examples=50)
@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_make_reads_back_words_quoted_for_make(texts: list[str]) -> None:
    words = accepted(for_make, texts)
    makefile = f"words := {' '.join(words.values())}\nall: ; @:\n$(foreach word,$(words),$(info $(word)))\n"
    seen = subprocess.run(["make", "-s", "-f-"], input=makefile.encode(), capture_output=True, check=True).stdout
    assert seen.decode().split("\n")[:-1] == list(words)


@pytest.mark.parametrize("quote", [for_dag, for_sbatch])
@given(TEXTS)
def test_words_that_need_no_quotes_stay_as_they_are(quote: Callable[[object], str], text: str) -> None:
    for word, written in accepted(quote, [text]).items():
        assert written == word
        assert len(word.split()) <= 1
        assert "\0" not in word


@given(TEXTS)
def test_submit_commands_mean_what_was_given(text: str) -> None:
    for written in accepted(for_submit, [text]).values():
        assert written.replace("$(DOLLAR)", "$") == text
        assert "$" not in written.replace("$(DOLLAR)", "")
        assert "\n" not in written


@given(TEXTS)
def test_classad_strings_mean_what_was_given(text: str) -> None:
    for written in accepted(for_classad, [text]).values():
        inner = written.replace("$(DOLLAR)", "$").removeprefix('"').removesuffix('"')
        assert re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) == text
        assert not re.search(r'(?<!\\)(\\\\)*"', inner)


@given(TEXTS)
def test_comments_stay_in_their_line(text: str) -> None:
    assert len(f"# {for_comment(text)}".splitlines()) == 1
    assert shlex.split(f"# {for_comment(text)}\nword", comments=True) == ["word"]


@given(TEXTS)
def test_yaml_reads_back_scalars_also_in_a_list_on_one_line(text: str) -> None:
    assert "\n" not in for_yaml(text)
    read = yaml.safe_load(f"a: [{for_yaml(text)}, {for_yaml(text)}]\nb: {for_yaml(text)}\n")
    assert read == {"a": [text, text], "b": text}


@given(TEXTS)
def test_yaml_reads_back_blocks_except_for_the_last_line_break(text: str) -> None:
    read = yaml.safe_load(f"a:\n  - b:\n    - {for_yaml_block(text, 6)}\n    - c\n")
    assert [read["a"][0]["b"][0].rstrip("\n"), read["a"][0]["b"][1]] == [text.rstrip("\n"), "c"]
