"""Kerberos tickets: made from a keytab, copied from the user's, or forwarded by the batch system."""

from __future__ import annotations

from collections.abc import Iterator

from reana_batch.credentials.record import AtHand, Credential, Question, Validity, named_file
from reana_batch.facts import ENV, KnownSecrets, Secret


def _source(asked: Question) -> str:
    chosen = asked.settings.kerberos
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


KERBEROS = Credential(
    part="credentials/kerberos",
    source=_source,
    secrets=_secrets,
    files={"keytab": ("keytab",), "ticket": ("krb5cc",)},
    facts=lambda settings: {"realm": settings.realm or ""},
    validity=Validity("ticket_needed", frozenset({"ticket"}), "Kerberos ticket"),
    asks_for_ticket=lambda settings, known: settings.kerberos == "auto" and not known.value("CERN_USER"),
    for_all_steps=True,
    url_part="credentials/kerberos_url",
    tool=("kinit", "Kerberos tools"),
    at_hand=AtHand("Kerberos ticket", ("klist", "-s"), "none; keytabs need none", "run kinit."),
)
