"""Site profiles: what is known about a batch system's site, and the source of each setting.

Settings are layered, from the top:

- the command line;
- the environment (``REANA_BATCH_SLURM__PARTITION``);
- ``.reana-batch.yaml`` next to the analysis;
- the user's file in the home directory;
- the administrator's file;
- the profile. Its layers are the user's, the administrator's and the shipped ``sites.yaml``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from reana_batch import files
from reana_batch.credentials import opening
from reana_batch.diagnostics import Diagnostics, Place, closest
from reana_batch.reading import schema
from reana_batch.reading.document import Document, read_document
from reana_batch.settings import dotted, schema_of
from reana_batch.site import DEFAULT_SITE, Site, settings_of, site_of

PROJECT_FILE = ".reana-batch.yaml"
# Administrators put profiles here (sites.yaml), and settings and the machine's site (config.yaml).
SYSTEM = Path("/etc/reana-batch")
_PREFIX = "REANA_BATCH_"
_BY_BACKEND = "--backend"  # what chose a site that follows from a back end


@dataclass(frozen=True, slots=True)
class _Form:
    """All settings with their defaults, and the schema of profiles."""

    known: Site
    rules: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class ResolvedSite:
    """A site, and for each dotted setting the layer of its value."""

    site: Site
    origins: Mapping[str, str]
    chosen_by: str = ""  # the layer that names the site, or empty
    _read: _Read | None = field(default=None, repr=False, compare=False)

    def or_default(self, name: str, diagnostics: Diagnostics) -> ResolvedSite:
        """Return the settings with the profile ``name``, if nothing names another. No file is read again.

        Raises Refused with every fault of the profile.
        """
        read = self._read
        if self.chosen_by or not name or read is None:
            return self
        below = _profile_layers(name, None, read.form, read.sources, diagnostics)
        diagnostics.stop_if_errors()
        return _merged(name, _BY_BACKEND, below, read)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Dotted settings, and the place where they are written."""

    settings: Mapping[str, Any]
    origin: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read to resolve a site, whichever it is."""

    form: _Form
    sources: Sequence[tuple[Document, str]]  # the files of profiles, each with the name of its origin, the user's first
    above: Sequence[_Layer]  # the settings that override those of a profile


def home_file() -> Path:
    """Return the path of the user's settings for all analyses, whether it exists or not."""
    return Path(os.path.expanduser("~")) / PROJECT_FILE


def keep_choice(name: str) -> None:
    """Write the site into the user's settings for all analyses."""
    file = home_file()
    text = files.read_text(file) if file.exists() else ""
    files.write_whole(file, f"site: {name}\n{text}".encode())


def user_file() -> Path:
    """Return the path of the user's own ``sites.yaml``, whether it exists or not."""
    import platformdirs

    return Path(platformdirs.user_config_dir("reana-batch")) / "sites.yaml"


def profiles(known: Site, diagnostics: Diagnostics) -> dict[str, str]:
    """Return the description of each known profile under its name, shipped ones first."""
    found: dict[str, str] = {}
    for document, _ in _profile_documents(_form(known), diagnostics):
        for name, profile in document.data.items():
            found[name] = profile.get("description", "") if isinstance(profile, dict) else ""
    return found


def resolve(
    name: str | None,
    overrides: Sequence[str],
    project: Path | None,
    diagnostics: Diagnostics,
    environment: Mapping[str, str] = os.environ,
    *,
    known: Site,
    default: str = "",
) -> ResolvedSite:
    """Return the settings in force. Faults raise Refused, with all of them.

    ``name`` is the profile that the command line names, and ``overrides`` are its ``KEY=VALUE`` settings.
    ``project`` is the directory of the analysis.
    ``known`` has all settings with their defaults.
    ``default`` is the profile for the chosen back end, if no layer names a profile.
    """
    form = _form(known)
    chosen = list(_settings_files(project, form, diagnostics))
    variable = f"{_PREFIX}SITE"
    namings = [
        (name, "--site"),
        (environment.get(variable), variable),
        *((site, layer.origin) for layer, site, _ in reversed(chosen)),
        (default, _BY_BACKEND),
    ]
    profile, chosen_by = next(((site, origin) for site, origin in namings if site), (DEFAULT_SITE, ""))
    places = {layer.origin: place for layer, _, place in chosen}
    sources = list(reversed(list(_profile_documents(form, diagnostics))))
    below = _profile_layers(profile, places.get(chosen_by), form, sources, diagnostics)
    above = (
        *(layer for layer, _, _ in chosen),
        _environment_layer(environment, form, diagnostics),
        _Layer(_read_overrides(overrides, "--set", form, diagnostics), "command line"),
    )
    diagnostics.stop_if_errors()
    return _merged(profile, chosen_by, below, _Read(form, sources, above))


def _merged(profile: str, chosen_by: str, below: Sequence[_Layer], read: _Read) -> ResolvedSite:
    """Return the site of a profile with the layers ``below``, and those above that were read."""
    known = read.form.known
    settings = settings_of(known)
    origins = dict.fromkeys(settings, "default")
    sources: dict[str, str] = {}
    for layer in (*below, *read.above):
        settings |= layer.settings
        origins |= dict.fromkeys(layer.settings, layer.origin)
        # The source of a value is not that of another one, which a layer above has.
        sources = {key: source for key, source in sources.items() if key not in layer.settings}
        sources |= layer.settings.get("sources", {})
    settings["sources"] = sources
    sorted_origins = {key: origins[key] for key in sorted(origins)}
    return ResolvedSite(site_of(profile, settings, known), sorted_origins, chosen_by, read)


def is_chosen(origin: str) -> bool:
    """Return whether the analysis or its user made a setting, not a site's profile."""
    return origin in ("command line", "environment", PROJECT_FILE) or origin.startswith(f"{user_file()}:")


# --- the layers ----------------------------------------------------------------------------------


def _form(known: Site) -> _Form:
    """Return the form of profiles for the known batch systems and credentials."""
    return _Form(known, rules_of(known))


def rules_of(known: Site) -> dict[str, Any]:
    """Return the schema of profiles."""
    rules = schema_of(known)
    extends = {"type": "string", "description": "The profile that this one starts from."}
    rules["properties"] = {"extends": extends, **rules["properties"]}
    rules["properties"]["backend"] |= {"enum": list(known.systems)}
    data = rules["properties"]["data"]["properties"]
    for name in data:
        if name.endswith("_credential"):
            data[name] |= {"enum": list(opening())}
    return rules


def _profile_documents(form: _Form, diagnostics: Diagnostics) -> Iterator[tuple[Document, str]]:
    """Yield the files with profiles, each with the name of its layer."""
    with resources.as_file(resources.files("reana_batch.reading").joinpath("sites.yaml")) as path:
        shipped = read_document(path, "sites.yaml (shipped)", diagnostics)
    assert shipped is not None
    yield shipped, "shipped"
    for file in (SYSTEM / "sites.yaml", user_file()):
        if file.exists():
            document = read_document(file, str(file), diagnostics)
            diagnostics.stop_if_errors()
            assert document is not None
            _check_file(document, form, diagnostics)
            yield document, str(file)


def _check_file(document: Document, form: _Form, diagnostics: Diagnostics) -> None:
    if not isinstance(document.data, dict):
        message = "The file must be a mapping of site names to profiles."
        diagnostics.error("bad-setting", message, document.place([]))
    else:
        for name, profile in document.data.items():
            schema.check_value(document, [name], profile, form.rules, diagnostics)
    diagnostics.stop_if_errors()


def _profile_layers(
    name: str, place: Place | None, form: _Form, sources: Sequence[tuple[Document, str]], diagnostics: Diagnostics
) -> list[_Layer]:
    """Return the layers of a profile and of those that it extends, the most basic first.

    The profile is named at ``place``. A user's profile adds to the shipped one of its name, or to the one that
    it extends.
    """
    layers: list[_Layer] = []
    trail: list[tuple[str, int]] = []  # the names and files of the earlier profiles
    wanted: str | None = name
    while wanted:
        lower = trail[-1][1] + 1 if trail and trail[-1][0] == wanted else 0
        found = next((i for i in range(lower, len(sources)) if wanted in sources[i][0].data), None)
        if found is None:
            above = (sources[trail[-1][1]][0], trail[-1][0]) if trail else None
            _report_unknown_site(wanted, sources, above, place, diagnostics)
            break
        document, origin = sources[found]
        if (wanted, found) in trail:
            circle = " -> ".join([*(each for each, _ in trail), wanted])
            place = document.place([wanted, "extends"])
            diagnostics.error("bad-setting", f"Profiles extend each other in a circle: {circle}.", place)
            break
        trail.append((wanted, found))
        profile = document.data[wanted]
        settings = {key: value for key, value in dotted(profile, form.known) if key != "extends"}
        layers.insert(0, _Layer(settings, f"{origin}: {wanted}"))
        shadows = any(wanted in document.data for document, _ in sources[found + 1 :])
        wanted = profile.get("extends", wanted if shadows else None)
    return layers


def _report_unknown_site(
    name: str,
    documents: Sequence[tuple[Document, str]],
    extended_by: tuple[Document, str] | None,
    place: Place | None,
    diagnostics: Diagnostics,
) -> None:
    """Record that no profile has this name. The user or another profile names it."""
    known = [site for document, _ in documents for site in document.data if not extended_by or site != extended_by[1]]
    meant = closest(name, known)
    hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known)}."
    message = f'There is no site profile "{name}".'
    if extended_by:
        place = extended_by[0].place([extended_by[1], "extends"])
        if name == extended_by[1]:
            message = f'"{name}" extends itself, and there is no shipped profile of this name.'
    diagnostics.error("unknown-site", message, place, hint)


def _settings_files(
    project: Path | None, form: _Form, diagnostics: Diagnostics
) -> Iterator[tuple[_Layer, str | None, Place]]:
    """Yield the settings of each file, and the site that it names with the place.

    The files are the administrator's, the user's and the analysis'.
    """
    files = {str(SYSTEM / "config.yaml"): str(SYSTEM / "config.yaml"), str(home_file()): f"~/{PROJECT_FILE}"}
    if project is not None:
        files[os.path.abspath(project / PROJECT_FILE)] = PROJECT_FILE  # may be the same file as the user's
    for path, origin in ((Path(name), origin) for name, origin in files.items()):
        if path.exists():
            document = read_document(path, origin, diagnostics)
            diagnostics.stop_if_errors()
            assert document is not None
            with_site = {**form.rules, "properties": {"site": {"type": "string"}, **form.rules["properties"]}}
            schema.check(document, with_site, diagnostics)
            diagnostics.stop_if_errors()
            settings = {k: v for k, v in dotted(document.data, form.known) if k not in ("site", "extends")}
            yield _Layer(settings, origin), document.data.get("site"), document.place(["site"])


# Variables that are not settings of a profile: those of the command line, of jobs, and of the tests' box.
_OTHER_VARIABLES = (
    *("SITE", "RUNS", "PATIENCE", "SBATCH_TIMEOUT", "ALONE", "JOB"),
    *("BOX", "BOXES", "KEEP_BOX", "BOX_MIRROR", "BOX_UBUNTU", "BOX_CONDOR"),
)


def _environment_layer(environment: Mapping[str, str], form: _Form, diagnostics: Diagnostics) -> _Layer:
    known = {_PREFIX + key.upper().replace(".", "__"): key for key in settings_of(form.known)}
    other = {_PREFIX + name for name in _OTHER_VARIABLES}
    for name in sorted(environment.keys() - known.keys() - other):
        if name.startswith(_PREFIX):
            meant = closest(name.lower(), [each.lower() for each in [*known, *other]])
            hint = f"did you mean {meant.upper()}?" if meant else ""
            message = f"There is no setting {name}, so the variable has no effect."
            diagnostics.warning("unknown-setting", message, hint=hint)
    pairs = [f"{known[name]}={value}" for name, value in environment.items() if name in known]
    return _Layer(_read_overrides(pairs, "environment", form, diagnostics), "environment")


def read_settings(pairs: Sequence[str], known: Site, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the settings of the ``KEY=VALUE`` words of ``--set``, without a profile. ``known`` has all settings."""
    return _read_overrides(pairs, "--set", _form(known), diagnostics)


def _read_overrides(pairs: Sequence[str], origin: str, form: _Form, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the checked settings of ``KEY=VALUE`` words. The values are YAML."""
    settings: dict[str, Any] = {}
    known = settings_of(form.known)
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            diagnostics.error("bad-setting", f'{origin} must be KEY=VALUE, not "{pair}".')
        elif key not in known:
            meant = closest(key, known)
            hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known)}."
            diagnostics.error("unknown-setting", f'{origin}: there is no setting "{key}".', hint=hint)
        else:
            settings[key] = _read_value(text)
            _check_setting(key, settings[key], origin, form.rules, diagnostics)
    return settings


def _read_value(text: str) -> Any:
    """Return the value of a text read as YAML. If JSON has no such value, return the text."""
    try:
        value = yaml.safe_load(text)
        json.dumps(value)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        return text
    return value


def _check_setting(key: str, value: Any, origin: str, rules: dict[str, Any], diagnostics: Diagnostics) -> None:
    nested: Any = value
    for part in reversed(key.split(".")):
        nested = {part: nested}
    for expected in schema.expectations(nested, rules):
        message = f"{origin}: {key} must be {expected}, not {json.dumps(value, default=str)}."
        diagnostics.error("bad-setting", message)
