"""Names that every language accepts and that can be read back."""

from __future__ import annotations

import pytest

from reana_batch.names import decode, encode, numbered

ENCODED = {
    "fit": "fit",
    "Fit_2-b": "Fit_2-b",
    "": "~",
    "~": "~7e",
    "~7e": "~7e7e",
    "-j4": "~2dj4",
    "a b": "a~20b",
    "mk (s=a)": "mk~20~28s~3da~29",
    "a.b/c": "a~2eb~2fc",
    "..": "~2e~2e",
    "größe": "gr~c3~b6~c3~9fe",
    "日": "~e6~97~a5",
    "😀": "~f0~9f~98~80",
    "$x": "~24x",
    "'\"\\`": "~27~22~5c~60",
    "line\nline\n": "line~0aline~0a",
    "PARENT": "PARENT",
}


@pytest.mark.parametrize("text", ENCODED)
def test_encoded(text: str) -> None:
    assert encode(text) == ENCODED[text]


@pytest.mark.parametrize("text", ENCODED)
def test_decoded(text: str) -> None:
    assert decode(ENCODED[text]) == text


def test_names_that_occur_several_times_are_numbered() -> None:
    assert numbered(["fit", "plot", "fit"]) == ["fit.1", "plot", "fit.2"]


def test_different_texts_have_different_names() -> None:
    assert len(set(map(encode, ENCODED))) == len(ENCODED)
