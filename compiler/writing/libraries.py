"""The bash libraries of a run, and the parts in ``templates`` that each consists of.

A part defines functions and constants. Only ``job/main``, ``session/main``, ``data/stage-in`` and
``data/stage-out`` run something.
"""

from __future__ import annotations

import functools

from reana_batch import layout
from reana_batch.credentials import CREDENTIALS
from reana_batch.writing.render import File, packaged

# The parts of each library, in the order in which bash reads them. The key is its path below ``batch``.
LIBRARIES = {
    "job-lib.sh": (
        "job/say",
        "job/rows",
        "job/tables",
        "job/records",
        "job/waiting",
        "job/parents",
        "job/workspace",
        "job/worker",
        "job/usage",
        "job/command",
        "job/server",
        "job/chunk",
        "job/shell",
        "job/main",
    ),
    "submit-lib.sh": (
        "job/say",
        "job/rows",
        "job/records",
        "job/waiting",
        "slurm/tools",
        "slurm/submit",
        "slurm/gates",
        "slurm/finaliser",
        "slurm/endings",
    ),
    "node-lib.sh": ("slurm/node",),  # bash reads it after submit-lib.sh
    "credentials-lib.sh": (
        "credentials/tools",
        "credentials/validity",
        "credentials/prepare",
        "credentials/job",
        *(each.part for each in CREDENTIALS.values()),
    ),
    "data/lib.sh": (
        "job/say",
        "data/transfer",
        "data/rucio",
        "data/url",
        *(each.url_part for each in CREDENTIALS.values() if each.url_part),
    ),
    "data/stage-in.sh": ("data/incoming", "data/stage-in"),  # this and the next read data/lib.sh
    "data/stage-out.sh": ("data/outgoing", "data/stage-out"),
    "session-lib.sh": (  # written when a session is opened
        "job/say",
        "job/records",
        "job/workspace",
        "job/worker",
        "session/server",
        "session/jupyter",
        "session/main",
    ),
}
DATA_LIBRARIES = tuple(name for name in LIBRARIES if name.startswith("data/"))

# The first line of each part and of each library. It is needed because parts use each other's variables.
HEAD = "# shellcheck shell=bash disable=SC2034,SC2154\n"


def library(name: str) -> File:
    """Return the file of a run for a key of ``LIBRARIES``."""
    return File(f"{layout.BATCH}/{name}", text(name))


@functools.cache
def text(name: str) -> str:
    """Return the text of a library: its parts, each after a line with its name."""
    return HEAD + "".join(
        f"\n# --- {part} ---\n{packaged(f'{part}.sh').removeprefix(HEAD)}" for part in LIBRARIES[name]
    )
