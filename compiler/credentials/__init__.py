"""The credentials that steps can ask for, each a record under REANA's hint."""

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

# What data is opened with that needs no credential.
OPEN_TO_ALL = "none"


def opening() -> tuple[str, ...]:
    """Return what URLs of declared data can be opened with."""
    return (*(name for name, each in CREDENTIALS.items() if each.url_part), OPEN_TO_ALL)


def with_implied(asked: frozenset[str], settings: CredentialSettings) -> frozenset[str]:
    """Return the credentials that are asked for, and those that they need themselves."""
    return asked.union(*(CREDENTIALS[name].implied(settings) for name in asked))


def facts_of(plan: CredentialPlan, settings: CredentialSettings) -> Iterator[tuple[str, Any]]:
    """Yield the variables of credentials.sh: the source of each credential, and the settings that it reads."""
    for name, credential in CREDENTIALS.items():
        yield name, plan.sources.get(name, "")
        yield from credential.facts(settings).items()


def lives_of(plan: CredentialPlan) -> Iterator[tuple[str, tuple[int, int, str]]]:
    """Yield how long what is issued before the run has to be valid, under the names of credentials.sh."""
    names = {each.lives.fact: name for name, each in CREDENTIALS.items() if each.lives}
    for fact, name in sorted(names.items()):
        yield fact, plan.needed.get(name, (0, 0, ""))


def as_record(plan: CredentialPlan) -> dict[str, Any]:
    """Return a plan as JSON can hold it."""
    sources = {name: plan.sources.get(name, "") for name in CREDENTIALS}
    return {**sources, **dict(lives_of(plan)), "environment": plan.environment}


def from_record(record: dict[str, Any]) -> CredentialPlan:
    """Return the plan that ``as_record`` has given; KeyError or TypeError if it is damaged."""
    sources = {name: record[name] for name in CREDENTIALS if record[name]}
    needed = {name: tuple(record[each.lives.fact]) for name, each in CREDENTIALS.items() if each.lives}
    issued = {name: value for name, value in needed.items() if value != (0, 0, "")}
    return CredentialPlan(sources, issued, record["environment"])
