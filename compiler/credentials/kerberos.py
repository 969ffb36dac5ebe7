"""Kerberos tickets: made from a keytab, copied from the user's, or forwarded by the batch system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reana_batch.credentials.record import AtHand, Credential, Question, Validity, named_file
from reana_batch.facts import ENV, KnownSecrets, Secret
from reana_batch.settings import one_of, optional, setting, text
from reana_batch.site import CredentialSettings


@dataclass(frozen=True, slots=True)
class KerberosSettings:
    kerberos: str = setting(
        "auto",
        one_of("auto", "keytab", "ticket", "forward"),
        "The source of jobs' tickets: the keytab among the secrets, the submitter's ticket, or a batch system that "
        "forwards it. auto takes the first available one of forward, keytab and ticket.",
    )
    realm: str | None = setting(
        None,
        optional(text("^[A-Za-z0-9._-]+$", "the name of a Kerberos realm")),
        "The realm of CERN_USER. With null, Kerberos decides.",
    )


def _source(asked: Question) -> str:
    chosen = asked.settings.of(KerberosSettings).kerberos
    if chosen == "forward" and not asked.forwarded:
        message = "credentials.kerberos: the batch system does not forward tickets to all jobs that ask for one."
        asked.diagnostics.error("unsupported", message, hint="choose keytab or ticket.")
    if chosen != "auto":
        return chosen
    if asked.forwarded:
        return "forward"
    return "keytab" if asked.facts.secrets.value("CERN_USER") or not asked.facts.has_ticket else "ticket"


def _secrets(source: str, known: KnownSecrets) -> Iterator[Secret]:
    if source == "keytab":
        yield Secret("CERN_USER", ENV)
        yield from named_file("CERN_KEYTAB", known)


def _asks_for_ticket(settings: CredentialSettings, known: KnownSecrets) -> bool:
    return settings.of(KerberosSettings).kerberos == "auto" and not known.value("CERN_USER")


KERBEROS = Credential(
    part="credentials/kerberos",
    source=_source,
    secrets=_secrets,
    files={"keytab": ("keytab",), "ticket": ("krb5cc",)},
    facts=lambda settings: {"realm": settings.of(KerberosSettings).realm or ""},
    settings=KerberosSettings,
    validity=Validity("ticket_needed", frozenset({"ticket"}), "Kerberos ticket"),
    asks_for_ticket=_asks_for_ticket,
    for_all_steps=True,
    url_part="credentials/kerberos_url",
    tool=("kinit", "Kerberos tools"),
    at_hand=AtHand(
        "Kerberos ticket",
        ("klist", "-s"),
        "none; keytabs need none",
        "run kinit.",
        # Without the variable, klist would find a ticket that is on the worker for another reason.
        sent="[[ -n ${KRB5CCNAME-} ]] && klist -s",
    ),
)
