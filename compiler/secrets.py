"""The user's secrets: values and files under REANA's names, in a directory that only the user may read.

As in reana-client, ``env/NAME`` has the value of a secret of type env, and ``file/NAME`` of one of type file.
Jobs get the paths of secrets. They never get the values in their environment.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reana_batch import files
from reana_batch.diagnostics import Refused, refuse
from reana_batch.facts import ENV, FILE, KnownSecrets, Secret


@dataclass(frozen=True, slots=True)
class Store:
    """The secrets below a directory. The directory may not exist yet."""

    directory: Path

    def path(self, secret: Secret) -> Path:
        """Return the path of a secret, whether it exists or not."""
        return self.directory / secret.type / secret.name

    def secrets(self) -> Iterator[Secret]:
        """Yield all secrets, sorted by name. An unreadable directory raises OSError."""
        yield from sorted(Secret(name, kind) for kind in (ENV, FILE) for name in self._names(kind))

    def _names(self, kind: str) -> list[str]:
        try:
            return os.listdir(self.directory / kind)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def add(self, secret: Secret, content: bytes) -> None:
        """Write a secret, completely or not at all.

        Raises Refused if the directory is not writable, or if others may replace it.
        """
        path = self.path(secret)
        try:
            files.make_private(path.parent)
            if self._is_replaceable():
                message = f"Others can write into {self.directory.parent}, and replace the secrets in it."
                raise refuse("cannot-write", message, hint=f"chmod go-w {shlex.quote(str(self.directory.parent))}")
            for folder in (self.directory, path.parent):
                folder.chmod(0o700)
            files.write_whole(path, content, by=self.directory)  # unfinished files there are not taken for secrets
        except OSError as error:
            raise _cannot_write(error, path) from error

    def delete(self, secret: Secret) -> None:
        """Remove a secret from the store. Raises Refused if the directory is not writable."""
        try:
            self.path(secret).unlink()
        except OSError as error:
            raise _cannot_write(error, self.path(secret)) from error

    def value(self, name: str) -> str:
        """Return the value of a secret of type env, or an empty text. A final newline is removed."""
        try:
            return files.read_text(self.path(Secret(name, ENV))).removesuffix("\n")
        except OSError:
            return ""

    def fault(self, secret: Secret) -> str:
        """Return why a secret cannot be used: the end of a sentence, or an empty text."""
        path = self.path(secret)
        try:
            mode = path.stat().st_mode
            open_folders = [p for p in (self.directory, path.parent) if stat.S_IMODE(p.stat().st_mode) & 0o077]
            empty = not files.read_regular(path).strip()
        except FileNotFoundError:
            return "is not there"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if stat.S_IMODE(mode) & 0o077:
            return f"can be read by others: {path} has mode {stat.S_IMODE(mode):04o}"
        if open_folders:
            return f"is in {open_folders[0]}, which is open to others"
        if self._is_replaceable():
            return f"is below {self.directory.parent}, where others can write"
        return "is empty" if empty else ""

    def known(self) -> KnownSecrets:
        """Return all secrets as they are now, and the files that values of secrets name."""
        closed: dict[str, str] = {}
        listed: list[Secret] = []
        for kind in (ENV, FILE):
            try:
                listed += (Secret(name, kind) for name in os.listdir(self.directory / kind))
            except FileNotFoundError:
                continue
            except OSError as error:
                closed[kind] = f"cannot be read: {error.strerror}"
        values = {self.value(secret.name) for secret in listed if secret.type == ENV}
        named = [Secret(value, FILE) for value in values if value and "\0" not in value]
        found = {*listed, *(secret for secret in named if os.path.lexists(self.path(secret)))}
        contents = {secret: self._content(secret) for secret in found}
        faults = {secret: fault for secret in (*found, *named) if (fault := self.fault(secret))}
        return KnownSecrets(contents, faults, closed)

    def _content(self, secret: Secret) -> bytes:
        try:
            return files.read_regular(self.path(secret))
        except OSError:
            return b""

    def _is_replaceable(self) -> bool:
        """Return whether others can replace this directory with another one."""
        mode = self.directory.parent.stat().st_mode
        return bool(mode & 0o022) and not mode & stat.S_ISVTX


def _cannot_write(error: OSError, path: Path) -> Refused:
    return refuse("cannot-write", f"{error.filename or path}: {error.strerror}.")


def store(directory: str) -> Store:
    """Return the store in the directory that the setting ``credentials.secrets`` names."""
    return Store(Path(directory).expanduser())
