"""The configuration of Rucio's client, and the ways in which it logs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reana_batch.credentials.record import CERTIFICATE, KEY, Credential, OneOf
from reana_batch.facts import ENV, KnownSecrets, Secret
from reana_batch.settings import one_of, setting, several, text
from reana_batch.site import CredentialSettings


@dataclass(frozen=True, slots=True)
class RucioSettings:
    rucio: str = setting("x509_proxy", one_of("x509_proxy", "x509", "userpass", "oidc"), "How Rucio's client logs in.")
    ca_certificates: tuple[str, ...] = setting(
        ("/etc/pki/tls/certs/CERN-bundle.pem", "/etc/grid-security/certificates"),
        several(text(r"^/[^,\r\n]*$", "an absolute path without commas")),
        "Files or directories of CA certificates on the worker. Rucio's client uses the first that exists.",
    )


_BY_SOURCE = {
    "x509": (KEY, CERTIFICATE),
    "userpass": (Secret("RUCIO_PASSWORD", ENV),),
    "oidc": (Secret("RUCIO_TOKEN", ENV),),
}


def _secrets(source: str, known: KnownSecrets) -> Iterator[Secret]:
    yield Secret("RUCIO_USERNAME", ENV)
    if not (known.value("RUCIO_RUCIO_HOST") and known.value("RUCIO_AUTH_HOST")):
        yield Secret("VONAME", ENV)
    yield from _BY_SOURCE.get(source, ())


def _implied(settings: CredentialSettings) -> frozenset[str]:
    """Return the credential of the client's login: the VOMS proxy, unless the site sets another way."""
    return frozenset({"voms_proxy"} if settings.of(RucioSettings).rucio == "x509_proxy" else ())


RUCIO = Credential(
    part="credentials/rucio",
    source=lambda asked: asked.settings.of(RucioSettings).rucio,
    secrets=_secrets,
    files={
        "x509": ("usercert.pem", "userkey.pem"),
        "userpass": ("rucio-password",),
        "oidc": ("rucio-token",),
    },
    rendered={"rucio.cfg": ("credentials/rucio.cfg.j2", "ini")},
    facts=lambda settings: {"ca_certificates": settings.of(RucioSettings).ca_certificates},
    settings=RucioSettings,
    implied=_implied,
    tool=("rucio", "Rucio client"),
    one_of=OneOf("CA certificates", lambda settings: settings.of(RucioSettings).ca_certificates),
)
