"""The form in which a credential is described."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reana_batch.diagnostics import Diagnostics
from reana_batch.facts import ENV, FILE, Facts, KnownSecrets, Secret
from reana_batch.site import CredentialSettings


@dataclass(frozen=True, slots=True)
class AtHand:
    """How to see that the user has a credential right now."""

    subject: str
    command: tuple[str, ...]  # it succeeds then
    note: str  # where there is none
    cure: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """Paths of which one has to exist where the credential is used."""

    subject: str
    paths: Callable[[CredentialSettings], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """What decides where the jobs get a credential from."""

    settings: CredentialSettings
    facts: Facts
    forwarded: bool  # does the batch system bring the submitter's ticket to all jobs that ask for one?
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True)
class Lives:
    """How long a credential that is issued before the run has to be valid."""

    fact: str  # the array in credentials.sh: the latest start and end, and the step
    sources: frozenset[str]  # those that issue it once
    title: str  # as messages name it
    most: Callable[[str, CredentialSettings], int | None] = lambda _source, _settings: None  # seconds
    cure: str = ""  # where it has to be valid for longer


def _no_settings(_settings: CredentialSettings) -> Mapping[str, Any]:
    return {}


def _nothing_implied(_settings: CredentialSettings) -> frozenset[str]:
    return frozenset()


def _no_secrets(_source: str, _known: KnownSecrets) -> Iterator[Secret]:
    return iter(())


def _no_fault(_secret: Secret, _known: KnownSecrets) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a step can ask for to reach protected services.

    ``part`` is a bash part in ``templates``. It adds the name to ``known_credentials`` and defines ``issue_NAME``,
    which runs before the run is submitted, and ``take_NAME``, which runs in each job that asks. It may define
    ``bind_NAME``, ``check_NAME``, ``due_NAME`` and ``renew_NAME``, which ``credentials/job.sh`` and
    ``credentials/lives.sh`` call. ``url_part`` defines ``open_NAME``, which adds to the words of ``curl``.
    """

    part: str
    source: Callable[[Question], str]  # never empty
    secrets: Callable[[str, KnownSecrets], Iterator[Secret]] = _no_secrets  # of a source, by REANA's names
    secret_fault: Callable[[Secret, KnownSecrets], str] = _no_fault  # why what a secret holds is of no use
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of each source: what is issued for jobs
    rendered: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # files of the run: template and language
    facts: Callable[[CredentialSettings], Mapping[str, Any]] = _no_settings  # the settings that the part reads
    lives: Lives | None = None
    implied: Callable[[CredentialSettings], frozenset[str]] = _nothing_implied  # the credentials that it needs itself
    asks_for_ticket: Callable[[CredentialSettings, KnownSecrets], bool] = lambda _settings, _known: False
    for_all_steps: bool = False  # does workflow.resources give it to every step?
    url_part: str = ""  # the bash part that opens URLs of declared data with it; nothing if it opens none
    tool: tuple[str, str] = ("", "")  # the program that jobs need, and its title
    at_hand: AtHand | None = None
    one_of: OneOf | None = None


def named_file(name: str, known: KnownSecrets) -> Iterator[Secret]:
    """Yield a secret that names a file, and that file."""
    yield Secret(name, ENV)
    if known.value(name):
        yield Secret(known.value(name), FILE)


KEY = Secret("userkey.pem", FILE)
CERTIFICATE = Secret("usercert.pem", FILE)
