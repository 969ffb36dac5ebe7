"""The site in a box, for tests: a thin, typed face of the script ``site``, which knows everything else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

SITE = Path(__file__).resolve().with_name("site")


class Box:
    """The one box of this machine; all instances are the same."""

    @staticmethod
    def unavailable() -> str | None:
        """Return one sentence that says why there is no box here, or None if ``up`` can be called."""
        for verb in ("check", "built"):
            answer = _site(verb, check=False)
            if answer.returncode != 0:
                return (answer.stdout + answer.stderr).strip()
        return None

    def up(self, *services: str) -> None:
        """Have the box and these services running, or all of them if none is named."""
        _site("up", *services, timeout=300)

    def down(self) -> None:
        """End the box at once, as a power cut would."""
        _site("down")

    def root(
        self,
        *command: str,
        input: str | None = None,  # noqa: A002  named as in subprocess.run
        timeout: float = 120,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command printed that root ran in the box. A command that overruns ``timeout`` is killed."""
        return _site("root", *command, stdin=input, timeout=timeout, check=check)

    def alice(
        self,
        *command: str,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002  named as in subprocess.run
        timeout: float = 120,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command printed that alice ran from her login shell, in ``cwd`` or else in her home."""
        place = [] if cwd is None else [f"--chdir={cwd}"]
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        return _site("as", "alice", "env", *place, *variables, *command, stdin=input, timeout=timeout, check=check)

    def install(self, *wheels: str | Path) -> None:
        """Have these wheels and what they need in the box, with ``reana-batch`` on everyone's PATH."""
        _site("install", *map(str, wheels), timeout=600)

    def path(self, inside: str) -> Path:
        """Return where the host sees an absolute path of the box; links in it are not followed."""
        return _root() / inside.lstrip("/")

    def slurm(self, **settings: object) -> None:
        """Have Slurm run with these settings over the site's own; with none, with the site's own alone."""
        self.root("slurm-set", *(f"{key}={value}" for key, value in settings.items()))


@cache
def _root() -> Path:
    return Path(_site("path").stdout.strip())


def _site(
    *arguments: str, stdin: str | None = None, timeout: float = 60, check: bool = True
) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(
        [str(SITE), *arguments],
        input="" if stdin is None else stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
    if check and answer.returncode != 0:  # CalledProcessError would not show what the command said
        raise AssertionError(f"exit {answer.returncode}: {' '.join(arguments)}\n{answer.stdout}{answer.stderr}")
    return answer
