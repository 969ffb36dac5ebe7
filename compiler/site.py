"""The settings of one site, each with its default, its rule and its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reana_batch.settings import (
    FLAG,
    PARTS,
    PATH,
    POSITIVE,
    SECTIONS,
    TEXT,
    Parts,
    Sections,
    filled,
    one_of,
    optional,
    record_of,
    setting,
    several,
    text,
    values_of,
)

# The profile of a user who names none.
DEFAULT_SITE = "local"

_Own = TypeVar("_Own")

_SECONDS = {"type": "integer", "minimum": 0, "expected": "a whole number of seconds"}
_BOUND = optional(POSITIVE)
_RATE = {"type": "number", "exclusiveMinimum": 0, "expected": "a number above 0"}
_FLAVOURS = ("espresso", "microcentury", "longlunch", "workday", "tomorrow", "testmatch", "nextweek")
_URL = text(r"^https?://[^\s]+$", "a URL")


def _mapping(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rule of a mapping that has all of these keys."""
    return {"type": "object", "additionalProperties": False, "required": list(values), "properties": dict(values)}


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    """The settings of all credentials. Those of one credential are defined in its module."""

    secrets: str = setting(
        "~/.config/reana-batch/secrets",
        text(r"^(/|~/)[^\r\n]*$", "an absolute path, or one that begins with ~/"),
        "Where `secrets-add` keeps secrets.",
    )
    own: Parts = field(default_factory=dict, metadata=PARTS)  # those of each credential, by its name

    def of(self, kind: type[_Own]) -> _Own:
        """Return a credential's own settings, found by their type. If there are none, they are the defaults."""
        return record_of(kind, self.own)


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How declared data is downloaded and uploaded. ``sites`` adds the credentials that can open URLs."""

    setup: str | None = setting(
        None,
        optional(text("^/.*$", "an absolute path")),
        "A script that jobs read before they look for rucio, xrdcp and curl.",
    )
    streams: int = setting(4, POSITIVE, "Files of a dataset that one job downloads at a time.")
    attempts: int = setting(5, POSITIVE, "How often a transfer or query is tried before the job fails.")
    timeout: int = setting(300, POSITIVE, "An attempt ends after this many seconds without an answer.")
    runtime: int | None = setting(
        None, _BOUND, "The seconds that jobs which stage data ask for. With null, default_runtime applies."
    )
    root_credential: str = setting("kerberos", {}, "The credential of root:// URLs that name none.")
    davs_credential: str = setting("voms_proxy", {}, "The credential of davs:// URLs that name none.")
    https_credential: str = setting("none", {}, "The credential of https:// URLs that name none.")
    rucio_instances: Mapping[str, Mapping[str, str]] = setting(
        dict,
        {"type": "object", "additionalProperties": _mapping({"rucio_host": _URL, "auth_host": _URL})},
        "The Rucio instances under the names that analyses use, each with its rucio_host and auth_host.",
    )


@dataclass(frozen=True, slots=True)
class Limits:
    runtime: int | None = setting(None, _BOUND, "The most seconds that a job may ask for.")
    memory: int | None = setting(None, _BOUND, "The most bytes that a job may ask for.")
    cpus: int | None = setting(None, _BOUND, "The most CPUs that a job may ask for.")
    directory_entries: int | None = setting(
        None, _BOUND, "Directories of inputs, of outputs and of the run with more entries than this cause a warning."
    )
    jobs: int | None = setting(None, _BOUND, "The jobs of a user that run at a time. More cause a warning.")
    queued_jobs: int | None = setting(
        None, _BOUND, "The jobs that may be in the queue at a time. More cause a warning on Slurm, which queues all."
    )
    call_burst: int | None = setting(
        None, _BOUND, "The calls of Slurm's tools that a user may make at once. A submission of more causes a warning."
    )
    calls_per_second: float | None = setting(
        None, optional(_RATE), "The calls a second that a user may make after that. Calls that are too many wait."
    )
    short_seconds: int | None = setting(
        None, _BOUND, "Jobs that take less than this are short. Many short jobs cause a warning."
    )
    short_jobs: int = setting(100, POSITIVE, "The short jobs that a step may have without a warning.")
    open_logs: int | None = setting(
        None, _BOUND, "The logs that HTCondor may keep open. More cause a warning if jobs have logs of their own."
    )


@dataclass(frozen=True, slots=True)
class RefusedDirectory:
    """A prefix of paths that a run directory cannot have, the reason, and the advice."""

    prefix: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Site:
    """The settings of one site. A batch system's own settings are defined in its folder, and here under its name."""

    name: str = DEFAULT_SITE
    description: str = setting("", TEXT, "One sentence for `reana-batch sites`.")
    backend: str = setting("make", {}, "The back end of steps that ask for none.")  # ``sites`` adds the known ones
    container_runtime: str = setting(
        "none",
        one_of("none", "apptainer", "htcondor"),
        "What starts a step's image: apptainer in the job, HTCondor's container universe, or nothing.",
    )
    unpacked_images: str | None = setting(
        None, optional(TEXT), "A tree of unpacked images. Jobs look there before they pull an image."
    )
    binds: tuple[str, ...] = setting(
        (),
        several(text("^/[^,]*$", "an absolute path without commas")),
        "Directories of the worker that containers see if they exist.",
    )
    container_home: bool = setting(
        False,
        FLAG,
        "Whether containers that apptainer starts see the user's home. Otherwise their home is empty and temporary.",
    )
    inherit_environment: bool = setting(False, FLAG, "Whether jobs get the environment of the user who submits.")
    python: str | None = setting(
        None,
        optional(PATH),
        "The Python that compiles expansions on the workers and has Snakemake there. With null, it is the one that "
        "compiles here.",
    )
    default_runtime: int | str | None = setting(
        None,
        {
            "anyOf": [{"type": "integer", "minimum": 1}, one_of(*_FLAVOURS, None)],
            "expected": "seconds or a job flavour",
        },
        "The seconds or job flavour of steps that ask for no runtime. With null, the batch system decides.",
    )
    rows_per_job: int | str = setting(
        1,
        {
            "anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}],
            "expected": "a whole number above 0, or auto",
        },
        "The number of rows that one scheduler job runs one after the other.",
    )
    queue_time: int = setting(
        0,
        _SECONDS,
        "The seconds that a job may wait in the queue. They count when credentials must be valid until the jobs end.",
    )
    credentials: CredentialSettings = CredentialSettings()
    systems: Sections = field(default_factory=dict, metadata=SECTIONS)  # all batch systems, by name
    data: DataSettings = DataSettings()
    limits: Limits = Limits()
    refused_directories: tuple[RefusedDirectory, ...] = setting(
        (),
        several(_mapping(dict.fromkeys(("prefix", "reason", "hint"), TEXT))),
        "Where a run directory cannot be: a prefix of the path, the reason and the advice.",
        item=RefusedDirectory,
    )
    sources: Mapping[str, str] = setting(
        dict, {"type": "object", "additionalProperties": TEXT}, "The source of each value."
    )

    def of(self, kind: type[_Own]) -> _Own:
        """Return a batch system's own settings, found by their type. If the site has none, they are the defaults."""
        return record_of(kind, self.systems)


def site_of(name: str, settings: Mapping[str, Any], known: Site) -> Site:
    """Return the site of this name, with settings as :func:`settings_of` returns them.

    ``known`` has all settings with their defaults.
    """
    return filled(known, settings, name=name)


def settings_of(site: Site) -> dict[str, Any]:
    """Return the settings under their dotted names, without the profile's name."""
    return dict(sorted(values_of(site)))
