"""Tests that show a fault which is not mended yet, each with the fault; strict, so a mended one must leave.

The golden files of these say what is right. ``REWRITE_GOLDEN=1`` leaves them alone.
"""

from __future__ import annotations

import pytest

_SHOWN = "test_the_user_sees_what_the_golden_file_says[{}]"
_COMPILED = "test_the_run_directory_is_what_the_golden_file_says[{}]"
_NESTED = "test_deep_nesting_is_a_fault[{}]"

KNOWN = {
    **{
        _SHOWN.format(name): reason
        for name, reason in {
            "bad-data-reference": "the column is one too small where the reference is quoted",
            "bad-image.path": "NUL and newline in the path of an image are accepted",
            "bad-option": "the option is called --option, not -o",
            "bad-type.block": "a value of several lines makes a message of several lines",
            "bad-type.input-entries": "an entry that is no text is also reported as an empty path",
            "input-missing.circle": "RuntimeError: Symlink loop",
            "input-missing.dangling-link": "a link to nothing is accepted, and compile fails to copy it",
            "input-path.directories": "a directory outside of the analysis is walked; / takes for ever",
            "input-symlink.circle-in-a-directory": "RuntimeError: Symlink loop",
            "input-symlink.directory": "a link to a directory outside of the analysis is walked",
            "nul-byte.parameter": "NUL in a parameter reaches the command",
            "unknown-setting.environment": "a misspelt REANA_BATCH_ variable is passed over",
            "yaml-syntax.dash-without-space": "the place is the line behind the fault",
            "yaml-syntax.key-without-colon": "the place is the line behind the fault",
            "yaml-syntax.nested-in-brackets": "deep nesting is accepted until it ends the process",
            "yaml-syntax.open-bracket": "the place is where libyaml gave up, not the bracket",
            "yaml-syntax.open-quote": "the place is the end of the file, not the quote",
            "yaml-syntax.project-file": "the place is the end of the file, not the bracket",
        }.items()
    },
    **{
        _COMPILED.format(f"{backend}-{case}"): reason
        for backend in ("make", "htcondor", "slurm")
        for case, reason in {
            "hints-given-as-nothing": "an empty hint, REANA's own default, is a fault",
            "step-name-long": "40 characters of UTF-8 make a folder name of more than 255 bytes",
        }.items()
    },
    **{
        _NESTED.format(name): reason
        for name, reason in {
            "brackets": "segmentation fault in libyaml's composer",
            "open brackets": "segmentation fault in libyaml's composer",
            "braces": "ValueError: Recursion limit reached",
            "dashes": "ValueError: Recursion limit reached",
            "indentation": "ValueError: Recursion limit reached",
            "aliases": "ValueError: Recursion limit reached",
        }.items()
    },
}


def mark(items: list[pytest.Item], known: dict[str, str]) -> None:
    """Mark the tests of ``known`` as those that must fail."""
    for item in items:
        if item.name in known:
            item.add_marker(pytest.mark.xfail(reason=known[item.name], strict=True))
