"""VOMS proxies: made before submission, made by each job, or given by the user."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from reana_batch.credentials.record import CERTIFICATE, KEY, Credential, Question, Validity, named_file
from reana_batch.facts import ENV, KnownSecrets, Secret
from reana_batch.settings import one_of, setting
from reana_batch.site import CredentialSettings

_PASSPHRASE = Secret("VOMSPROXY_PASS", ENV)


@dataclass(frozen=True, slots=True)
class VomsProxySettings:
    voms_proxy: str = setting(
        "submit",
        one_of("submit", "worker"),
        "Where VOMS proxies are made: once at submission, or by each job, which then reads the private key.",
    )
    # The default is what most VOMS servers grant.
    proxy_lifetime: int = setting(
        86400,
        {"type": "integer", "minimum": 60, "expected": "a whole number of seconds"},
        "The most seconds that the VOMS server gives a proxy.",
    )


def _source(asked: Question) -> str:
    given = asked.facts.secrets.value("VOMSPROXY_FILE")
    return "file" if given else asked.settings.of(VomsProxySettings).voms_proxy


def _secrets(source: str, known: KnownSecrets) -> Iterator[Secret]:
    if source == "file":
        yield from named_file("VOMSPROXY_FILE", known)
        return
    yield from (KEY, CERTIFICATE, Secret("VONAME", ENV))
    if b"ENCRYPTED" in known.content(KEY):
        yield _PASSPHRASE


def _secret_fault(secret: Secret, known: KnownSecrets) -> str:
    if secret != _PASSPHRASE:
        return ""
    try:
        base64.b64decode(known.value(secret.name), validate=True)
    except binascii.Error:
        return "is not in base64, as in REANA"
    return ""


def _most(source: str, settings: CredentialSettings) -> int | None:
    return settings.of(VomsProxySettings).proxy_lifetime if source == "submit" else None


VOMS_PROXY = Credential(
    part="credentials/voms_proxy",
    source=_source,
    secrets=_secrets,
    secret_fault=_secret_fault,
    files={
        "submit": ("x509up",),
        "file": ("x509up",),
        "worker": ("usercert.pem", "userkey.pem", "passphrase"),
    },
    settings=VomsProxySettings,
    validity=Validity(
        "proxy_needed",
        frozenset({"submit", "file"}),
        "VOMS proxy",
        _most,
        "let each job make its own proxy, which needs the key there: --set credentials.voms_proxy=worker",
    ),
    url_part="credentials/voms_proxy_url",
    tool=("voms-proxy-init", "VOMS tools"),
)
