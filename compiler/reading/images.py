"""Read references to container images, and find the images on a site.

Grammar of a reference: github.com/distribution/reference (registry with port, tag, digest). A split at each
``:``, as in REANA's validator, fails for registries with a port.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from reana_batch.diagnostics import Diagnostics, Where
from reana_batch.ir import Image

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:(?P<registry>{_HOST})/)??(?P<repository>{_NAME}(?:/{_NAME})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>[a-z0-9+._-]+:[0-9a-fA-F]{32,}))?"
)
# A name in a registry has at most 255 characters. A host, a tag and a digest are added to it.
_LONGEST = 1000
_DOCKER_HUB = "docker.io"
# The name of Docker Hub in /cvmfs/unpacked.cern.ch (its own layout, and REANA's documentation of it).
_UNPACKED_HUB = "registry.hub.docker.com"


class BadImage(ValueError):
    """The text is not an image reference. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image in a registry."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def address(self) -> str:
        """The ``docker://`` address that apptainer pulls. The default tag is ``latest``."""
        suffix = f"@{self.digest}" if self.digest else f":{self.tag or 'latest'}"
        return f"docker://{self.registry}/{self.repository}{suffix}"

    def unpacked(self, root: str) -> str:
        """The directory of the image in an unpacked tree such as ``/cvmfs/unpacked.cern.ch``."""
        registry = _UNPACKED_HUB if self.registry == _DOCKER_HUB else self.registry
        suffix = f"@{self.digest}" if self.digest else f":{self.tag or 'latest'}"
        return f"{root}/{registry}/{self.repository}{suffix}"


def check(name: str, place: Where, diagnostics: Diagnostics) -> None:
    """Record what is wrong with an image that an analysis names."""
    if is_path(name):
        if not name.isprintable() or name.endswith("\\"):
            message = "The path of an image must be one line of printable text, without a backslash at its end."
            diagnostics.error("bad-image", message, place)
        return
    try:
        reference = parse(name)
    except BadImage as error:
        hint = "parameters are not filled in here." if "$" in name else ""
        diagnostics.error("bad-image", f"{error}.", place, hint)
        return
    if reference.digest is None and reference.tag in (None, "latest", "master"):
        tag = f'The tag "{reference.tag}"' if reference.tag else "An image without a tag"
        message = f"{tag} may name another image later."
        diagnostics.warning("image-tag", message, place, "name a fixed version.")


def is_path(name: str) -> bool:
    """Return whether an image is a directory or a SIF file, and not in a registry."""
    return name.startswith("/") or name.endswith(".sif")


@functools.cache
def parse(name: str) -> Reference:
    """Return the parts of an image reference. A text that is not one raises :class:`BadImage`."""
    text = name.removeprefix("docker://")
    if not text:
        raise BadImage("An image must be given")
    if len(text) > _LONGEST:
        raise BadImage(f"An image must have at most {_LONGEST:,} characters, not {len(text):,}")
    if re.search(r"\s", text):
        raise BadImage("An image must not contain spaces")
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise BadImage(f'An image must be [REGISTRY/]NAME[:TAG], not "{text}"')
    registry, repository = match["registry"], match["repository"]
    first, _, rest = repository.partition("/")
    if registry is None and rest and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first, rest
    elif registry and not ("." in registry or ":" in registry or registry == "localhost"):
        registry, repository = None, f"{registry}/{repository}"
    if not re.fullmatch(f"{_NAME}(?:/{_NAME})*", repository):
        raise BadImage(f'An image must be [REGISTRY/]NAME[:TAG] in lower case, not "{text}"')
    if registry in (None, "index.docker.io", _UNPACKED_HUB):
        registry = _DOCKER_HUB
    if registry == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, match["tag"], match["digest"])


@functools.cache
def locate(name: str, unpacked_root: str | None) -> Image:
    """Return the places of an image. ``unpacked_root`` is the site's tree of unpacked images."""
    if is_path(name):
        return Image(name, (name,))
    reference = parse(name)
    unpacked = (reference.unpacked(unpacked_root),) if unpacked_root else ()
    return Image(name, (*unpacked, reference.address))
