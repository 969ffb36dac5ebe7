"""The user's secrets: values and files under REANA's names, in a directory that nobody else may read.

``env/NAME`` holds the value of a secret of type env, ``file/NAME`` one of type file, as in reana-client.
Jobs get paths to them, and never the values in their environment.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reana_batch.diagnostics import Refused, refuse

ENV = "env"
FILE = "file"


@dataclass(frozen=True, order=True, slots=True)
class Secret:
    """The name and type of a secret; type is ``env`` or ``file``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Store:
    """The secrets below a directory, which need not exist yet."""

    directory: Path

    def path(self, secret: Secret) -> Path:
        """Return where a secret lies, or would lie."""
        return self.directory / secret.type / secret.name

    def secrets(self) -> Iterator[Secret]:
        """Yield all secrets, by name."""
        found = (Secret(path.name, kind) for kind in (ENV, FILE) for path in self.directory.glob(f"{kind}/*"))
        yield from sorted(found)

    def add(self, secret: Secret, content: bytes) -> None:
        """Write a secret, complete or not at all; Refused where the directory cannot be written."""
        path = self.path(secret)
        temporary = self.directory / f".{path.name}.{os.getpid()}"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.directory, path.parent):
                folder.chmod(0o700)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(content)
            temporary.replace(path)
        except OSError as error:
            raise _cannot_write(error, path) from error

    def delete(self, secret: Secret) -> None:
        """Take a secret out of the store; Refused where the directory cannot be written."""
        try:
            self.path(secret).unlink()
        except OSError as error:
            raise _cannot_write(error, self.path(secret)) from error

    def value(self, name: str) -> str:
        """Return the value of a secret of type env, without the newline at its end; empty if there is none."""
        try:
            return self.path(Secret(name, ENV)).read_text("utf-8", "replace").removesuffix("\n")
        except OSError:
            return ""

    def fault(self, secret: Secret) -> str:
        """Return why a secret cannot be used, as the end of a sentence; empty if it can."""
        path = self.path(secret)
        try:
            mode = path.stat().st_mode
            open_folders = [p for p in (self.directory, path.parent) if stat.S_IMODE(p.stat().st_mode) & 0o077]
            empty = not path.read_bytes().strip()
        except FileNotFoundError:
            return "is not there"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if stat.S_IMODE(mode) & 0o077:
            return f"can be read by others: {path} has mode {stat.S_IMODE(mode):04o}"
        if open_folders:
            return f"lies in {open_folders[0]}, which is open to others"
        return "is empty" if empty else ""


def _cannot_write(error: OSError, path: Path) -> Refused:
    return refuse("cannot-write", f"{error.filename or path}: {error.strerror}.")


def store(directory: str) -> Store:
    """Return the store in a directory as the setting ``credentials.secrets`` names it."""
    return Store(Path(directory).expanduser())
