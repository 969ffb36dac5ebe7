"""The small languages inside values: text -> value, or the whole message."""

from __future__ import annotations

import contextlib

import pytest

from reana_batch.reading.expressions import (
    Placeholder,
    Unreadable,
    condor_disk,
    condor_memory,
    data_reference,
    fill,
    is_data_reference,
    kubernetes_cpu,
    kubernetes_memory,
    lifetime,
    max_runtime,
    names_in,
    positive_integer,
    slurm_time,
    split_placeholders,
)

READERS = {
    "kubernetes_memory": kubernetes_memory,
    "kubernetes_cpu": kubernetes_cpu,
    "condor_memory": condor_memory,
    "condor_disk": condor_disk,
    "positive_integer": positive_integer,
    "max_runtime": max_runtime,
    "slurm_time": slurm_time,
}

VALUES: dict[str, dict[str, int | str]] = {
    "kubernetes_memory": {
        "1000000": 1_000_000,
        "0": 0,
        "1K": 1000,
        "1Ki": 1024,
        "256M": 256_000_000,
        "256Mi": 256 * 1024**2,
        "8Gi": 8 * 1024**3,
        "1.5G": 1_500_000_000,
        "0.5Gi": 512 * 1024**2,
        "2T": 2 * 10**12,
        "2Ti": 2 * 1024**4,
        "1P": 10**15,
        "1Pi": 1024**5,
        "1E": 10**18,
        "1Ei": 1024**6,
    },
    "kubernetes_cpu": {"1": 1, "2": 2, "0.5": 1, "1.0001": 2, "1m": 1, "500m": 1, "1000m": 1, "1001m": 2, "4.0": 4},
    "condor_memory": {
        "100": 100 * 1024**2,
        "2 GB": 2 * 1024**3,
        "2GB": 2 * 1024**3,
        "2gb": 2 * 1024**3,
        "2G": 2 * 1024**3,
        "512M": 512 * 1024**2,
        "512 kb": 512 * 1024,
        "1T": 1024**4,
        " 3 \tG ": 3 * 1024**3,
    },
    "condor_disk": {"100": 100 * 1024, "2 GB": 2 * 1024**3, "512K": 512 * 1024},
    "positive_integer": {"1": 1, "007": 7, "123456": 123456},
    "max_runtime": {"3600": 3600, "espresso": "espresso", "nextweek": "nextweek"},
    "slurm_time": {
        "60": 3600,
        "1:30": 90,
        "90:00": 5400,
        "01:00:00": 3600,
        "1-0": 86400,
        "1-12": 129_600,
        "1-12:30": 131_400,
        "1-12:30:15": 131_415,
        "0:01": 1,
    },
}

_MEMORY = 'Memory must be a size such as 8Gi, not "{}"'
_CPU = 'CPUs must be a number such as 2, 0.5 or 500m, not "{}"'
_SIZE = 'A size must be a whole number such as 2 GB or 512 M, not "{}"'
_WHOLE = 'Expected a whole number above 0, not "{}"'
_FLAVOURS = "espresso, microcentury, longlunch, workday, tomorrow, testmatch, nextweek"
_TIME = 'A Slurm time must be minutes or a form such as 1-12:00:00, not "{}"'

# text -> the message
FAULTS: dict[str, dict[str, str]] = {
    "kubernetes_memory": {
        "": _MEMORY,
        "lots": _MEMORY,
        "-1": _MEMORY,
        "8Xi": _MEMORY,
        "8gi": _MEMORY,
        "8GB": _MEMORY,
        "8Gi Gi": _MEMORY,
        "1.5.5": _MEMORY,
        "\uff18Gi": _MEMORY,
    },
    "kubernetes_cpu": {
        "": _CPU,
        "2 cores": _CPU,
        "0.5m": _CPU,
        "0": 'CPUs must be more than 0, not "{}"',
        "0m": 'CPUs must be more than 0, not "{}"',
        "0.0": 'CPUs must be more than 0, not "{}"',
    },
    "condor_memory": {
        "": _SIZE,
        "1.5G": _SIZE,
        "2 GiB": _SIZE,
        "8E": _SIZE,
        "8 \u212ab": _SIZE,
        "2 G B": _SIZE,
        "2\n": _SIZE,
        "0": 'A size must be more than 0, not "{}"',
        "0 GB": 'A size must be more than 0, not "{}"',
    },
    "condor_disk": {"big": _SIZE, "00": 'A size must be more than 0, not "{}"'},
    "positive_integer": {
        "": _WHOLE,
        "0": _WHOLE,
        "-1": _WHOLE,
        "1.0": _WHOLE,
        " 1": _WHOLE,
        "²": _WHOLE,
        "\u0661": _WHOLE,
    },
    "max_runtime": {
        "": 'A runtime must be seconds or a job flavour, not "{}"',
        "1h": 'A runtime must be seconds or a job flavour, not "{}"',
        "two days": 'A runtime must be seconds or a job flavour, not "{}"',
        "0": _WHOLE,
        "Workday": f'A runtime must be seconds or a job flavour ({_FLAVOURS}), not "{{}}"',
        "fortnight": f'A runtime must be seconds or a job flavour ({_FLAVOURS}), not "{{}}"',
    },
    "slurm_time": {
        "": _TIME,
        "1h": _TIME,
        "1:2:3:4": _TIME,
        "1-": _TIME,
        "1-1-1": _TIME,
        "UNLIMITED": _TIME,
        "0": 'A Slurm time must be more than 0, not "{}"',
        "0-00:00:00": 'A Slurm time must be more than 0, not "{}"',
    },
}


@pytest.mark.parametrize(
    ("language", "text", "expected"), [(name, text, e) for name, table in VALUES.items() for text, e in table.items()]
)
def test_value(language: str, text: str, expected: int | str) -> None:
    assert READERS[language](text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"), [(name, text, e) for name, table in FAULTS.items() for text, e in table.items()]
)
def test_fault(language: str, text: str, expected: str) -> None:
    with pytest.raises(Unreadable) as fault:
        READERS[language](text)
    assert str(fault.value) == expected.format(text)


# A size beyond 2**53, and numbers that Python refuses to read from text.
HUGE = {
    "kubernetes_memory": "9007199254740993",
    "kubernetes_cpu": "9007199254740993",
    "condor_memory": "9007199254740993",
    "slurm_time": "9007199254740993",
}
UNITS = {"kubernetes_memory": 1, "kubernetes_cpu": 1, "condor_memory": 1024**2, "slurm_time": 60}


@pytest.mark.parametrize("language", HUGE)
def test_large_numbers_are_exact(language: str) -> None:
    assert READERS[language](HUGE[language]) == 9007199254740993 * UNITS[language]


@pytest.mark.parametrize("language", READERS)
@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_beyond_all_bounds_end_in_no_other_exception(language: str, digits: int) -> None:
    with contextlib.suppress(Unreadable):
        assert READERS[language]("9" * digits)


# --- placeholders ---------------------------------------------------------------------------------

PIECES: dict[str, list[str | Placeholder]] = {
    "": [""],
    "plain": ["plain"],
    "$x": [Placeholder(0, 2, "x")],
    "${x}": [Placeholder(0, 4, "x")],
    "a${x}b": ["a", Placeholder(1, 5, "x"), "b"],
    "$eventsfoo": [Placeholder(0, 10, "eventsfoo")],
    "$_x1.root": [Placeholder(0, 4, "_x1"), ".root"],
    "$$": ["$"],
    "$$HOME": ["$", "HOME"],
    "$${HOME}": ["$", "{HOME}"],
    "$$$x": ["$", Placeholder(2, 4, "x")],
    "$$$$": ["$", "$"],
    "$(pwd)": [Placeholder(0, 1, None), "(pwd)"],
    "$1": [Placeholder(0, 1, None), "1"],
    "${x:-3}": [Placeholder(0, 1, None), "{x:-3}"],
    "${ x }": [Placeholder(0, 1, None), "{ x }"],
    "${}": [Placeholder(0, 1, None), "{}"],
    "${x": [Placeholder(0, 1, None), "{x"],
    "a $": ["a ", Placeholder(2, 3, None)],
    "$é": [Placeholder(0, 1, None), "é"],
    "$xé": [Placeholder(0, 2, "x"), "é"],
    "'$x'\n": ["'", Placeholder(1, 3, "x"), "'\n"],
    "\\$x": ["\\", Placeholder(1, 3, "x")],
}


@pytest.mark.parametrize("text", PIECES)
def test_pieces(text: str) -> None:
    pieces = list(split_placeholders(text))
    assert pieces == PIECES[text]
    assert names_in(text) == {piece.name for piece in pieces if isinstance(piece, Placeholder) and piece.name}


def test_substituted_values_are_python_text() -> None:
    parameters = {"a": 1, "b": 1.0e-7, "c": True, "d": None, "e": [1, "x"], "f": {"k": 1}, "g": "$a"}
    assert fill(split_placeholders("$a $b $c $d $e $f $g"), parameters) == "1 1e-07 True None [1, 'x'] {'k': 1} $a"


def test_substituting_an_undefined_parameter() -> None:
    with pytest.raises(KeyError) as fault:
        fill(split_placeholders("$a $undefined"), {"a": 1})
    assert fault.value.args == ("undefined",)


def test_substituting_a_dollar_without_a_name() -> None:
    with pytest.raises(ValueError, match=r"^no parameter name after the \$ at character 3$"):
        fill(split_placeholders("$a $(pwd)"), {"a": 1})


# --- declared data --------------------------------------------------------------------------------

# Each reference with its words and options.
REFERENCES: dict[str, tuple[list[str], dict[str, str]]] = {
    "rucio(escape, user.alice, data.root)": (["escape", "user.alice", "data.root"], {}),
    "rucio(a,b,c)": (["a", "b", "c"], {}),
    " rucio ( a , b , c ) ": (["a", "b", "c"], {}),
    "rucio(rucio, path, rse)": (["rucio", "path", "rse"], {}),
    "rucio(a, b, 'c, d')": (["a", "b", "c, d"], {}),
    'rucio(a, b, "(c)")': (["a", "b", "(c)"], {}),
    """rucio(a, b, "'c'")""": (["a", "b", "'c'"], {}),
    "rucio(a, b, /c/d-1:2)": (["a", "b", "/c/d-1:2"], {}),
    "rucio(a, b, c, path=d/e.root, rse = X)": (["a", "b", "c"], {"path": "d/e.root", "rse": "X"}),
    "rucio(a, b, c, lifetime='3600', dataset=d)": (["a", "b", "c"], {"lifetime": "3600", "dataset": "d"}),
    "rucio(a, b, c, colour=red)": (["a", "b", "c"], {"colour": "red"}),
    "root://host//a/b.root": (["root://host//a/b.root"], {}),
    "https://host:1/a,b?c=d&e path=f": (["https://host:1/a,b?c=d&e"], {"path": "f"}),
    " davs://host/a  path = 'b c' credential=none ": (["davs://host/a"], {"path": "b c", "credential": "none"}),
}

_REFERENCE = "A data reference must be rucio(INSTANCE, SCOPE, NAME)"
_URL = "A data reference must be a URL, followed by NAME=VALUE options separated by spaces"

BAD_REFERENCES = {
    "rucio(a, b)": (f"{_REFERENCE}, not 2 words", 0),
    "rucio(a, b, c, d)": (f"{_REFERENCE}, not 4 words", 0),
    "rucio()": (f'{_REFERENCE}, not "rucio()"', 6),
    "rucio(a, b, c": (f'{_REFERENCE}, not "rucio(a, b, c"', 12),
    "rucio(a, b, c,)": (f'{_REFERENCE}, not "rucio(a, b, c,)"', 14),
    "rucio(a, b, c) d": (f'{_REFERENCE}, not "rucio(a, b, c) d"', 15),
    "rucio(a, path=x, b, c)": (f'{_REFERENCE}, but "b" comes after an option', 17),
    "rucio(a, b, c, rse=x, rse=y)": ("A data reference must have rse= only once", 22),
    "root://h/a b": (f'{_URL}, not "root://h/a b"', 11),
    "root://h/a, path=b path=c": ("A data reference must have path= only once", 19),
    "https://h/a path=": (f'{_URL}, not "https://h/a path="', 12),
    "ftp://h/a": (f'{_URL}, not "ftp://h/a"', 0),
}


@pytest.mark.parametrize("text", REFERENCES)
def test_data_reference(text: str) -> None:
    reference = data_reference(text)
    words = [word.text for word in reference.words]
    assert (words, {name: word.text for name, word in reference.options.items()}) == REFERENCES[text]
    for word in (*reference.words, *reference.options.values()):
        assert text[word.column :].lstrip("\"'").startswith(word.text.lstrip("\"'"))


@pytest.mark.parametrize("text", BAD_REFERENCES)
def test_bad_data_reference(text: str) -> None:
    with pytest.raises(Unreadable) as fault:
        data_reference(text)
    assert (str(fault.value), fault.value.column) == BAD_REFERENCES[text]


LIFETIMES = {"1": 1, "3600": 3600, "90s": 90, "5m": 300, "12h": 43200, "30d": 2592000, "2w": 1209600}


@pytest.mark.parametrize("text", LIFETIMES)
def test_lifetime(text: str) -> None:
    assert lifetime(text) == LIFETIMES[text]


@pytest.mark.parametrize("text", ["", "0", "0d", "d", "1.5d", "-1", "1y", "1 d", "9999999999"])
def test_bad_lifetime(text: str) -> None:
    with pytest.raises(Unreadable) as fault:
        lifetime(text)
    assert str(fault.value) == f'A lifetime must be seconds, or a duration such as 12h or 30d, not "{text}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rucio(a, b, c)", True),
        (" rucio(broken", True),
        ("root://eospublic.cern.ch//eos/x.root", True),
        ("https://zenodo.org/x", True),
        ("davs://dcache/x", True),
        ("data/rucio(1).txt", False),
        ("rucio", False),
        ("http.txt", False),
    ],
)
def test_what_is_data_and_what_a_path(text: str, expected: bool) -> None:
    assert is_data_reference(text) is expected
