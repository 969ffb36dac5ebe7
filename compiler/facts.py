"""What passes know of the machine that compiles: read once before them, so that they themselves look at nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENV = "env"
FILE = "file"


@dataclass(frozen=True, order=True, slots=True)
class Secret:
    """The name and type of a secret; type is ``env`` or ``file``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """The secrets at one moment: what each holds, and why some cannot be used."""

    contents: Mapping[Secret, bytes] = field(default_factory=dict, repr=False)
    faults: Mapping[Secret, str] = field(default_factory=dict, repr=False)
    closed: Mapping[str, str] = field(default_factory=dict)  # by type: why none of it can be seen

    def value(self, name: str) -> str:
        """Return the value of a secret of type env, without the newline at its end; empty if there is none."""
        return self.content(Secret(name, ENV)).decode("utf-8", "replace").removesuffix("\n")

    def content(self, secret: Secret) -> bytes:
        """Return what a secret holds; nothing if it cannot be read."""
        return self.contents.get(secret, b"")

    def fault(self, secret: Secret) -> str:
        """Return why a secret cannot be used, as the end of a sentence; empty if it can."""
        if secret in self.contents or secret in self.faults:
            return self.faults.get(secret, "")
        return self.closed.get(secret.type, "is not there")

    def holds(self, secret: Secret) -> bool:
        """Return whether there is a secret of this name, however faulty."""
        return secret in self.contents


@dataclass(frozen=True, slots=True)
class Facts:
    """What passes know of the machine that compiles."""

    has_ticket: bool = False  # a Kerberos ticket that is valid now
    secrets: KnownSecrets = KnownSecrets()
