"""The record that describes a credential."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reana_batch.diagnostics import Diagnostics
from reana_batch.facts import ENV, FILE, Facts, KnownSecrets, Secret
from reana_batch.site import CredentialSettings


@dataclass(frozen=True, slots=True)
class AtHand:
    """How to check that the user has a credential right now."""

    subject: str
    command: tuple[str, ...]  # it succeeds if the user has one
    note: str  # shown if the user has none
    cure: str
    sent: str = ""  # the words of bash that succeed in a job to which the batch system sent it


@dataclass(frozen=True, slots=True)
class OneOf:
    """Paths of which at least one must exist where jobs use the credential."""

    subject: str
    paths: Callable[[CredentialSettings], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """What a credential looks at to choose its source."""

    settings: CredentialSettings
    facts: Facts
    forwarded: bool  # does the batch system send the submitter's ticket to all jobs that ask for one?
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a credential that is issued before the run must be valid."""

    fact: str  # the array in credentials.sh: the latest start and end, and the step
    sources: frozenset[str]  # the sources that issue it once
    title: str  # its name in messages
    most: Callable[[str, CredentialSettings], int | None] = lambda _source, _settings: None  # seconds
    cure: str = ""  # the advice if it must be valid for longer


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

    ``part`` is a bash part in ``templates``. It adds the name to ``known_credentials``.
    Its function ``issue_NAME`` runs before the run is submitted, ``take_NAME`` in each job that asks.
    It may define ``bind_NAME``, ``check_NAME``, ``due_NAME`` and ``renew_NAME``. Other parts in
    ``templates/credentials`` call these. ``url_part`` defines ``open_NAME``, which adds to the words
    of ``curl``.
    """

    part: str
    source: Callable[[Question], str]  # never empty
    secrets: Callable[[str, KnownSecrets], Iterator[Secret]] = _no_secrets  # of a source, under REANA's names
    secret_fault: Callable[[Secret, KnownSecrets], str] = _no_fault  # what is wrong with the content of a secret
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the files that each source issues for jobs
    rendered: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # files of the run: template and language
    facts: Callable[[CredentialSettings], Mapping[str, Any]] = _no_settings  # the settings that the part reads
    settings: type[Any] | None = None  # the dataclass of what a site profile says of this credential alone
    validity: Validity | None = None
    implied: Callable[[CredentialSettings], frozenset[str]] = _nothing_implied  # the other credentials that it needs
    asks_for_ticket: Callable[[CredentialSettings, KnownSecrets], bool] = lambda _settings, _known: False
    for_all_steps: bool = False  # does workflow.resources give it to every step?
    url_part: str = ""  # the bash part that opens URLs of declared data with it; empty if it opens none
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
