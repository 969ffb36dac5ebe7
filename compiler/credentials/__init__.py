"""The credentials that steps can ask for: one record for each of REANA's hints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reana_batch.credentials.kerberos import KERBEROS
from reana_batch.credentials.record import Credential
from reana_batch.credentials.rucio import RUCIO
from reana_batch.credentials.voms_proxy import VOMS_PROXY
from reana_batch.ir import CredentialPlan
from reana_batch.site import CredentialSettings

CREDENTIALS: dict[str, Credential] = {"kerberos": KERBEROS, "voms_proxy": VOMS_PROXY, "rucio": RUCIO}

# The credential of data that anyone may open.
OPEN_TO_ALL = "none"


def default_settings() -> CredentialSettings:
    """Return the settings of all credentials with their defaults."""
    return CredentialSettings(own={name: each.settings() for name, each in CREDENTIALS.items() if each.settings})


def opening() -> tuple[str, ...]:
    """Return what URLs of declared data can be opened with."""
    return (*(name for name, each in CREDENTIALS.items() if each.url_part), OPEN_TO_ALL)


def with_implied(asked: frozenset[str], settings: CredentialSettings) -> frozenset[str]:
    """Return the credentials that are asked for, and the credentials that these need."""
    return asked.union(*(CREDENTIALS[name].implied(settings) for name in asked))


def facts_of(plan: CredentialPlan, settings: CredentialSettings) -> Iterator[tuple[str, Any]]:
    """Yield the variables of credentials.sh: each credential's source and settings."""
    for name, credential in CREDENTIALS.items():
        yield name, plan.sources.get(name, "")
        yield from credential.facts(settings).items()


def validity_of(plan: CredentialPlan) -> Iterator[tuple[str, tuple[int, int, str]]]:
    """Yield how long credentials that are issued before the run must be valid.

    The names are those of the arrays in credentials.sh.
    """
    names = {each.validity.fact: name for name, each in CREDENTIALS.items() if each.validity}
    for fact, name in sorted(names.items()):
        yield fact, plan.needed.get(name, (0, 0, ""))


def as_record(plan: CredentialPlan) -> dict[str, Any]:
    """Return the plan as values of JSON."""
    sources = {name: plan.sources.get(name, "") for name in CREDENTIALS}
    return {**sources, **dict(validity_of(plan)), "environment": plan.environment}


def from_record(record: dict[str, Any]) -> CredentialPlan:
    """Return the plan that ``as_record`` turned into ``record``. A damaged record raises KeyError or TypeError."""
    sources = {name: record[name] for name in CREDENTIALS if record[name]}
    needed = {name: tuple(record[each.validity.fact]) for name, each in CREDENTIALS.items() if each.validity}
    issued = {name: value for name, value in needed.items() if value != (0, 0, "")}
    return CredentialPlan(sources, issued, record["environment"])
