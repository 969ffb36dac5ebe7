"""Which lines and functions of the bash parts in ``templates`` the unit tests run.

``make pytest`` sets ``TRACE_BASH`` to a folder. Each bash that a unit test starts then writes the lines that it runs to a
file there: BASH_ENV makes it read a few lines first, which turn on its own trace, on a descriptor of its own. The shell's
output, its children and its variables stay the same. No other tool is needed: kcov cannot be installed by pip and does
not know the parts of a library, and bashcov needs Ruby.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
# The share of lines, in percent, that the unit tests have to run. They have to run every function.
FLOOR = 90
_VARIABLE = "TRACE_BASH"
_START = """unset BASH_ENV
exec {BASH_XTRACEFD}>>"$TRACE_BASH/$$.$RANDOM$RANDOM.trace"
unset TRACE_BASH
PS4=$'+\\x1f${BASH_SOURCE[0]-}\\x1f$LINENO\\x1f'
set -x
"""
_TRACED = re.compile("\x1f([^\x1f\n]*)\x1f([0-9]+)\x1f")


def folder() -> Path | None:
    """Return where traces are kept, if they are wanted."""
    return Path(os.environ[_VARIABLE]) if _VARIABLE in os.environ else None


def begin() -> None:
    """Make the folder, and delete old traces."""
    if kept := folder():
        kept.mkdir(parents=True, exist_ok=True)
        for trace in kept.glob("*.trace"):
            trace.unlink()
        (kept / "start.sh").write_text(_START, "utf-8")


def traced() -> Mapping[str, str]:
    """Return the variables of a bash whose lines are counted."""
    kept = folder()
    return {"BASH_ENV": str(kept / "start.sh"), _VARIABLE: str(kept)} if kept else {}
