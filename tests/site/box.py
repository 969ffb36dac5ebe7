"""The site in a box: a typed interface of the script ``site`` for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

SITE = Path(__file__).resolve().with_name("site")
_HOME = os.environ.get("CALLERS_HOME") or str(Path.home())
_ASKED = subprocess.run(
    [str(SITE), "cache"], capture_output=True, text=True, env={**os.environ, "HOME": _HOME}, check=True
)
CACHE = Path(_ASKED.stdout.strip())
# Each worker of pytest-xdist has its own box. The box ends with the process that started it, unless it is kept.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "pytest")
_OWNER = "" if os.environ.get("REANA_BATCH_KEEP_BOX") else str(os.getpid())


def wheel(folder: Path) -> Path:
    """Return this checkout's wheel in a folder. The first process makes it, because setuptools works in the checkout."""
    with FileLock(folder / "lock"):
        if not list(folder.glob("*.whl")):
            command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
            subprocess.run([*command, str(SITE.parents[2])], check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


@dataclass
class Box:
    """A box of this machine. Its default name is that of this process's box."""

    name: str = _WORKER
    _root: Path | None = field(default=None, init=False)  # the path of the box on the host, while that is known

    def unavailable(self) -> str | None:
        """Return the reason why this machine cannot have a box, or None if it can."""
        for verb in ("check", "built"):
            answer = self._site(verb, check=False)
            if answer.returncode != 0:
                return (answer.stdout + answer.stderr).strip()
        return None

    def up(self, *services: str) -> None:
        """Start the box and these services, or all services if none is named.

        A new box replaces one that is not healthy. Changes in the old box are lost.
        """
        self._root = None
        print(self._site("up", *services, timeout=500).stderr)

    def down(self) -> None:
        """End the box at once. All changes in it are lost."""
        self._root = None
        self._site("down")

    def kill(self, pids: str, signal: str = "KILL") -> None:
        """Kill the processes whose ids a shell command in the box prints. Waits until they are gone."""
        self.root("bash", "-c", f". /opt/site/lib.sh; end {signal} $({pids})")

    def root(
        self,
        *command: str,
        input: str | None = None,  # noqa: A002  named as in subprocess.run
        timeout: float = 480,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root in the box, and return its output. It is killed after ``timeout``."""
        return self._site("root", *command, stdin=input, timeout=timeout, check=check)

    def background(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command as root in the box, and return its process. It ends with this process at the latest."""
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
        """Run a command in alice's login shell, in ``cwd`` or in her home, and return its output."""
        return self._site(*_as_alice(command, cwd, env), stdin=input, timeout=timeout, check=check)

    def show(self, *command: str, cwd: str, env: Mapping[str, str]) -> int:
        """Run a command as alice. Its output is shown while it runs. Return its exit code."""
        words = [str(SITE), *_as_alice(command, cwd, env)]
        return subprocess.run(words, stdin=subprocess.DEVNULL, env=self._environment(), check=False).returncode

    def install(self, *wheels: str | Path) -> None:
        """Install these wheels and their dependencies for the next box. ``reana-batch`` is then on everyone's PATH."""
        self._site("install", *map(str, wheels), timeout=600)

    def path(self, inside: str) -> Path:
        """Return the host's path of an absolute path in the box. Links in it are not followed."""
        if self._root is None:
            self._root = Path(self._site("path").stdout.strip())
        return self._root / inside.lstrip("/")

    def slurm(self, **settings: object) -> None:
        """Run Slurm with the site's settings and these. Settings of earlier calls are dropped."""
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
        if check and answer.returncode != 0:  # CalledProcessError would not show the command's output
            raise AssertionError(f"exit {answer.returncode}: {' '.join(arguments)}\n{answer.stdout}{answer.stderr}")
        return answer


def _as_alice(command: Sequence[str], cwd: str | None, env: Mapping[str, str] | None) -> list[str]:
    """Return the arguments of ``site`` that run a command in alice's login shell, in ``cwd`` or in her home."""
    place = [] if cwd is None else [f"--chdir={cwd}"]
    return ["as", "alice", "env", *place, *(f"{name}={value}" for name, value in (env or {}).items()), *command]
