"""Image references, and the places that they can run from."""

from __future__ import annotations

import pytest

from reana_batch.reading.images import BadImage, Reference, is_path, locate, parse

DIGEST = "sha256:" + "0123456789abcdef" * 4

REFERENCES = {
    "python": Reference("docker.io", "library/python", None, None),
    "python:3.11": Reference("docker.io", "library/python", "3.11", None),
    "docker://python:3.11": Reference("docker.io", "library/python", "3.11", None),
    "library/python": Reference("docker.io", "library/python", None, None),
    "docker.io/python": Reference("docker.io", "library/python", None, None),
    "docker.io/library/python:3": Reference("docker.io", "library/python", "3", None),
    "index.docker.io/reana/x:1": Reference("docker.io", "reana/x", "1", None),
    "registry.hub.docker.com/reana/x:1": Reference("docker.io", "reana/x", "1", None),
    "reanahub/reana-env-root6:6.18.04": Reference("docker.io", "reanahub/reana-env-root6", "6.18.04", None),
    "gitlab-registry.cern.ch/a/b/c:tag": Reference("gitlab-registry.cern.ch", "a/b/c", "tag", None),
    "gitlab-registry.cern.ch/a": Reference("gitlab-registry.cern.ch", "a", None, None),
    "localhost/a": Reference("localhost", "a", None, None),
    "localhost:5000/a": Reference("localhost:5000", "a", None, None),
    "myregistry:5000/a/b:1": Reference("myregistry:5000", "a/b", "1", None),
    "127.0.0.1:5000/a": Reference("127.0.0.1:5000", "a", None, None),
    "Upper.Case.org/a": Reference("Upper.Case.org", "a", None, None),
    # Without a slash the number is a tag.
    "myregistry:5000": Reference("docker.io", "library/myregistry", "5000", None),
    "name.with.dots": Reference("docker.io", "library/name.with.dots", None, None),
    f"python@{DIGEST}": Reference("docker.io", "library/python", None, DIGEST),
    f"python:3@{DIGEST}": Reference("docker.io", "library/python", "3", DIGEST),
    f"reg.io:443/a/b:v1_2.3-4@{DIGEST}": Reference("reg.io:443", "a/b", "v1_2.3-4", DIGEST),
    "a_b/c__d/e-f/g--h.i": Reference("docker.io", "a_b/c__d/e-f/g--h.i", None, None),
    "x:" + "t" * 128: Reference("docker.io", "library/x", "t" * 128, None),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference(name: str) -> None:
    assert parse(name) == REFERENCES[name]


_FORM = 'An image must be [REGISTRY/]NAME[:TAG], not "{}"'

BAD = {
    "": "An image must be given",
    "docker://": "An image must be given",
    "a b": "An image must not contain spaces",
    "a:\n": "An image must not contain spaces",
    " a": "An image must not contain spaces",
    "Python": _FORM,
    "reg.io/Name": _FORM,
    "a:b:c": _FORM,
    "a:": _FORM,
    "a@": _FORM,
    "a@sha256:123": _FORM,
    "a//b": _FORM,
    "/": _FORM,
    "a/": _FORM,
    "-a": _FORM,
    "a-": _FORM,
    "a..b": _FORM,
    "a___b": _FORM,
    "é": _FORM,
    "${image}": _FORM,
    "a:.tag": _FORM,
    "x:" + "t" * 129: _FORM,
    "https://reg.io/a": _FORM,
    "a" * 1001: "An image must have at most 1,000 characters, not 1,001",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_reference(name: str) -> None:
    with pytest.raises(BadImage) as fault:
        parse(name)
    assert str(fault.value) == BAD[name].format(name)


PLACES = {
    "python:3.11": ("registry.hub.docker.com/library/python:3.11", "docker.io/library/python:3.11"),
    "python": ("registry.hub.docker.com/library/python:latest", "docker.io/library/python:latest"),
    "docker://a/b:1": ("registry.hub.docker.com/a/b:1", "docker.io/a/b:1"),
    "reg.cern.ch/a/b:1": ("reg.cern.ch/a/b:1", "reg.cern.ch/a/b:1"),
    # A digest is more precise than a tag, and apptainer takes only one of the two.
    f"a/b:1@{DIGEST}": (f"registry.hub.docker.com/a/b@{DIGEST}", f"docker.io/a/b@{DIGEST}"),
}


@pytest.mark.parametrize("name", PLACES)
def test_where_an_image_can_be_run_from(name: str) -> None:
    unpacked, address = PLACES[name]
    assert locate(name, "/cvmfs/unpacked.cern.ch").candidates == (
        f"/cvmfs/unpacked.cern.ch/{unpacked}",
        f"docker://{address}",
    )
    assert locate(name, None).candidates == (f"docker://{address}",)
    assert locate(name, None).name == name


@pytest.mark.parametrize("name", ["/cvmfs/unpacked.cern.ch/x:1", "/eos/me/a.sif", "images/a.sif"])
def test_paths_are_taken_as_they_are(name: str) -> None:
    assert is_path(name)
    assert locate(name, "/cvmfs/unpacked.cern.ch").candidates == (name,)


def test_references_are_not_paths() -> None:
    assert not is_path("docker://a/b")
    assert not is_path("a/b.sif:1")


def test_capitals_in_a_repository_of_two_parts() -> None:
    with pytest.raises(BadImage) as fault:
        parse("Python/x")
    assert str(fault.value) == 'An image must be [REGISTRY/]NAME[:TAG] in lower case, not "Python/x"'
