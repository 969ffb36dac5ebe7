"""What a stage asks for in its environment: an image, and resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reana_batch.credentials import CREDENTIALS
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.yadage.definition import Definition
from reana_batch.frontends.yadage.records import StageRecord
from reana_batch.ir import Asked, Hint
from reana_batch.reading import hints, images
from reana_batch.reading.document import DocumentPath
from reana_batch.reading.spec import Spec

# Resources that are a word: Yadage's own names, and the hint of the credential.
_CREDENTIALS = {"GRIDProxy": "voms_proxy", "KRB5Auth": "kerberos"}
_CVMFS = "CVMFS"
WORDS = (_CVMFS, *_CREDENTIALS)

# The repositories that Yadage gives a job that asks for CVMFS (packtivity.syncbackends).
_REPOSITORIES = ("atlas.cern.ch", "atlas-condb.cern.ch", "sft.cern.ch")

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Wish(NamedTuple):
    """An entry in the resources of an environment: a word, or a hint with its value."""

    number: int  # in the list
    name: str
    value: Any = None
    is_word: bool = False


def wishes(environment: Mapping[str, Any]) -> Iterator[Wish]:
    """Yield the entries in the resources of an environment. As in REANA, null is not an entry."""
    for number, entry in enumerate(environment.get("resources") or ()):
        if isinstance(entry, dict):
            yield from (Wish(number, name, value) for name, value in entry.items() if value is not None)
        elif entry is not None:
            yield Wish(number, str(entry), is_word=True)


def credentials(value: Any) -> frozenset[str]:
    """Return the credentials that any environment in this part of a definition asks for."""
    found: set[str] = set()
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += each.values()
            found.update(_credential(wish) for wish in wishes(each) if "environment_type" in each)
        elif isinstance(each, list):
            left += each
    return frozenset(found - {""})


def _credential(wish: Wish) -> str:
    if wish.is_word:
        return _CREDENTIALS.get(wish.name, "")
    return wish.name if wish.value is True and wish.name in CREDENTIALS else ""


def asked(spec: Spec, definition: Definition, stage: StageRecord, diagnostics: Diagnostics) -> Asked:
    """Return what the jobs of a stage ask for. Record what is wrong with it, except unknown names."""
    path = (*stage.path, "environment")
    found = spec.default_hints
    cvmfs = spec.cvmfs
    for wish in wishes(stage.environment):
        place = definition.place((*path, "resources", wish.number))
        if wish.is_word and wish.name == _CVMFS:
            cvmfs = tuple(dict.fromkeys((*cvmfs, *_REPOSITORIES)))
        elif wish.is_word and wish.name in _CREDENTIALS:
            found[_CREDENTIALS[wish.name]] = Hint(True, place)
        elif wish.is_word or not hints.is_known(wish.name):
            continue
        elif hints.is_sound(wish.name, wish.value, place, diagnostics):
            found[wish.name] = Hint(wish.value, place)
    hints.check(found, diagnostics)
    _check_variables(definition, path, stage.environment, diagnostics)
    return Asked(
        environment=_image(definition, path, stage.environment, diagnostics),
        hints=found,
        credentials=hints.credentials(found),
        cvmfs=cvmfs,
    )


def _check_variables(
    definition: Definition, path: DocumentPath, environment: Mapping[str, Any], diagnostics: Diagnostics
) -> None:
    for name, value in (environment.get("env") or {}).items():
        place = definition.place((*path, "env", name))
        if not _NAME.fullmatch(name):
            message = f'A variable of env must have a name of letters, digits and "_", not "{name}".'
            diagnostics.error("bad-value", message, place)
        elif isinstance(value, dict | list):
            diagnostics.error("bad-value", f"The variable {name} of env must have a text or a number.", place)


def _image(definition: Definition, path: DocumentPath, environment: Mapping[str, Any], diagnostics: Diagnostics) -> str:
    """Return the image under the name that REANA's engine uses. Empty without an image."""
    if "image" not in environment:
        return ""
    name, tag = environment["image"].strip(), environment["imagetag"]
    place = definition.place((*path, "image"))
    if _has_version(name):
        message = f'REANA adds the tag "{tag}" of imagetag to the image "{name}", which has one already.'
        diagnostics.error("bad-image", message, place, "write the tag as imagetag.")
    else:
        images.check(f"{name}:{tag}", place, diagnostics)
    return f"{name}:{tag}"


def _has_version(name: str) -> bool:
    """Return whether an image in a registry is given with a tag or a digest."""
    try:
        reference = images.parse(name)
    except images.BadImage:
        return False
    return not images.is_path(name) and bool(reference.tag or reference.digest)
