"""The settings of one site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

# The profile of those who name none.
DEFAULT_SITE = "local"


@dataclass(frozen=True, slots=True)
class HTCondorSettings:
    accounting_group: str | None = None
    job_flavours: bool = False
    send_credential: bool = False
    file_transfer: bool = False
    writable_images: bool = True
    max_idle: int | None = None
    shared_log: bool = True
    retries: int = 0


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    max_array_size: int = 1001  # Slurm's own default
    submission: str = "sbatch"
    pyslurm_python: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    secrets: str = "~/.config/reana-batch/secrets"
    kerberos: str = "auto"
    realm: str | None = None
    voms_proxy: str = "submit"
    proxy_lifetime: int = 86400  # what VOMS servers commonly grant
    rucio: str = "x509_proxy"
    ca_certificates: tuple[str, ...] = ("/etc/pki/tls/certs/CERN-bundle.pem", "/etc/grid-security/certificates")


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How declared data gets to the workspace and back."""

    setup: str | None = None
    streams: int = 4
    attempts: int = 5
    timeout: int = 300  # seconds
    runtime: int | None = None  # seconds
    root_credential: str = "kerberos"
    davs_credential: str = "voms_proxy"
    https_credential: str = "none"
    rucio_instances: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    runtime: int | None = None  # seconds
    memory: int | None = None  # bytes
    cpus: int | None = None
    directory_entries: int | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedDirectory:
    """A prefix of paths where no run can be, why, and the way out."""

    prefix: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Site:
    """The settings of one site, as ``sites.schema.json`` describes them; the defaults stand here."""

    name: str = DEFAULT_SITE
    description: str = ""
    backend: str = "make"
    container_runtime: str = "none"
    unpacked_images: str | None = None
    binds: tuple[str, ...] = ()
    container_home: bool = False
    inherit_environment: bool = False
    python: str | None = None
    default_runtime: int | str | None = None  # seconds or a job flavour
    rows_per_job: int | str = 1
    queue_time: int = 0
    credentials: CredentialSettings = CredentialSettings()
    htcondor: HTCondorSettings = HTCondorSettings()
    slurm: SlurmSettings = SlurmSettings()
    data: DataSettings = DataSettings()
    limits: Limits = Limits()
    refused_directories: tuple[RefusedDirectory, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def site_of(name: str, settings: Mapping[str, Any]) -> Site:
    """Return the site of this name with the settings that :func:`settings_of` gave."""
    site: Site = _fill(Site, {**settings, "name": name}, "")
    return site


def settings_of(site: Site) -> dict[str, Any]:
    """Return the settings by dotted name, without the profile's own name."""
    flat = dict(flatten(asdict(site)))
    flat.pop("name")
    return dict(sorted(flat.items()))


# Settings whose value is itself a mapping or list and is replaced as a whole.
_WHOLE = frozenset({"sources", "rucio_instances"})


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and key not in _WHOLE:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _fill(kind: type[Any], settings: Mapping[str, Any], prefix: str) -> Any:
    values: dict[str, Any] = {}
    for f in fields(kind):
        default = getattr(kind(), f.name)
        if is_dataclass(default):
            values[f.name] = _fill(type(default), settings, f"{prefix}{f.name}.")
        else:
            values[f.name] = _freeze(f.name, settings[prefix + f.name])
    return kind(**values)


def _freeze(name: str, value: Any) -> Any:
    if name == "refused_directories":
        return tuple(RefusedDirectory(**entry) for entry in value)
    return tuple(value) if isinstance(value, list) else value
