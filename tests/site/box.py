"""The site in a box, for tests: a thin, typed face of the script ``site``, which knows everything else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SITE = Path(__file__).resolve().with_name("site")
_HOME = os.environ.get("CALLERS_HOME") or str(Path.home())
_ASKED = subprocess.run(
    [str(SITE), "cache"], capture_output=True, text=True, env={**os.environ, "HOME": _HOME}, check=True
)
CACHE = Path(_ASKED.stdout.strip())
# Each worker of pytest-xdist has its own box. The box ends with the process that started it, unless it is to be kept.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "pytest")
_OWNER = "" if os.environ.get("REANA_BATCH_KEEP_BOX") else str(os.getpid())


@dataclass
class Box:
    """A box of this machine, by its name; as it is made, that of this process."""

    name: str = _WORKER
    _root: Path | None = field(default=None, init=False)  # where the host sees the box, while that is known

    def unavailable(self) -> str | None:
        """Return one sentence that says why there is no box here, or None if ``up`` can be called."""
        for verb in ("check", "built"):
            answer = self._site(verb, check=False)
            if answer.returncode != 0:
                return (answer.stdout + answer.stderr).strip()
        return None

    def up(self, *services: str) -> None:
        """Have the box and these services running, or all of them if none is named.

        A box that is not healthy is replaced by a new one, which has nothing of what was done in it.
        """
        self._root = None
        print(self._site("up", *services, timeout=500).stderr)

    def down(self) -> None:
        """End the box at once. Nothing that was done in it is kept."""
        self._root = None
        self._site("down")

    def kill(self, pids: str, signal: str = "KILL") -> None:
        """End the processes whose ids a shell command prints in the box, and wait until they are gone."""
        self.root("bash", "-c", f". /opt/site/lib.sh; end {signal} $({pids})")

    def root(
        self,
        *command: str,
        input: str | None = None,  # noqa: A002  named as in subprocess.run
        timeout: float = 480,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command printed that root ran in the box. A command that overruns ``timeout`` is killed."""
        return self._site("root", *command, stdin=input, timeout=timeout, check=check)

    def background(self, *command: str) -> subprocess.Popen[bytes]:
        """Return a command that root runs in the box from now on; it ends with this process at the latest."""
        words = [str(SITE), "root", *command]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self._environment())

    def alice(
        self,
        *command: str,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002  named as in subprocess.run
        timeout: float = 480,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command printed that alice ran from her login shell, in ``cwd`` or else in her home."""
        place = [] if cwd is None else [f"--chdir={cwd}"]
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        return self._site("as", "alice", "env", *place, *variables, *command, stdin=input, timeout=timeout, check=check)

    def install(self, *wheels: str | Path) -> None:
        """Have these wheels and what they need in the next box, with ``reana-batch`` on everyone's PATH."""
        self._site("install", *map(str, wheels), timeout=600)

    def path(self, inside: str) -> Path:
        """Return where the host sees an absolute path of the box; links in it are not followed."""
        if self._root is None:
            self._root = Path(self._site("path").stdout.strip())
        return self._root / inside.lstrip("/")

    def slurm(self, **settings: object) -> None:
        """Have Slurm run with these settings over the site's own; with none, with the site's own alone."""
        self.root("slurm-set", *(f"{key}={value}" for key, value in settings.items()))

    def _environment(self) -> dict[str, str]:
        home = os.environ.get("CALLERS_HOME") or os.environ["HOME"]
        return {**os.environ, "HOME": home, "SITE_BOX": self.name, "SITE_OWNER": _OWNER}

    def _site(
        self, *arguments: str, stdin: str | None = None, timeout: float = 240, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [str(SITE), *arguments],
            input="" if stdin is None else stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment(),
            timeout=timeout,
            check=False,
        )
        if check and answer.returncode != 0:  # CalledProcessError would not show what the command said
            raise AssertionError(f"exit {answer.returncode}: {' '.join(arguments)}\n{answer.stdout}{answer.stderr}")
        return answer
