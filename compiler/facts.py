"""What passes know about the machine that compiles. It is read once, so that passes do not look at the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENV = "env"
FILE = "file"


@dataclass(frozen=True, order=True, slots=True)
class Secret:
    """The name and type of a secret. The type is ``env`` or ``file``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """The secrets at one moment: their contents, and why some cannot be used.

    With ``elsewhere``, the machine that runs the workflow has the secrets. Then no secret is missing here.
    """

    contents: Mapping[Secret, bytes] = field(default_factory=dict, repr=False)
    faults: Mapping[Secret, str] = field(default_factory=dict, repr=False)
    closed: Mapping[str, str] = field(default_factory=dict)  # for a type: why its secrets cannot be listed
    elsewhere: bool = False

    def value(self, name: str) -> str:
        """Return the value of a secret of type env, or an empty text. A final newline is removed."""
        return self.content(Secret(name, ENV)).decode("utf-8", "replace").removesuffix("\n")

    def content(self, secret: Secret) -> bytes:
        """Return the content of a secret, or nothing if it cannot be read."""
        return self.contents.get(secret, b"")

    def fault(self, secret: Secret) -> str:
        """Return why a secret cannot be used: the end of a sentence, or an empty text."""
        if self.elsewhere or secret in self.contents or secret in self.faults:
            return self.faults.get(secret, "")
        return self.closed.get(secret.type, "is not there")

    def holds(self, secret: Secret) -> bool:
        """Return whether there is a secret of this name, even a faulty one."""
        return secret in self.contents


@dataclass(frozen=True, slots=True)
class Facts:
    """What passes know about the machine that compiles."""

    has_ticket: bool = False  # does the user have a valid Kerberos ticket now?
    secrets: KnownSecrets = KnownSecrets()
