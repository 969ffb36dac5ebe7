"""The last step of a CWL workflow: its outputs, in one directory of the workspace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cwltool.pathmapper import PathMapper
from cwltool.process import compute_checksums, stage_files
from cwltool.stdfsaccess import StdFsAccess
from cwltool.utils import adjustDirObjs, get_listing, normalizeFilesDirs

from reana_batch.frontends.cwl.links import link
from reana_batch.frontends.cwl.locations import FILE, is_file, path_of, url_of
from reana_batch.frontends.cwl.records import OUTPUT_OBJECT, OUTPUTS
from reana_batch.frontends.cwl.results import Results
from reana_batch.frontends.cwl.values import Json


def collect(results: Results, outputs: Mapping[str, Json], *, checksum: bool) -> None:
    """Link the files of the outputs into one directory, and write the output object.

    A second file of the same name gets another name, as cwltool does.
    """
    found = {name: results.known(value) for name, value in outputs.items()}
    access = StdFsAccess("")
    normalizeFilesDirs(found)
    adjustDirObjs(found, lambda each: get_listing(access, each, recursive=True))
    files = list(_outermost(found))
    _name_once(files)
    target = os.path.join(results.workspace, OUTPUTS)
    os.makedirs(target, exist_ok=True)
    mapper = PathMapper(files, "", target, separateDirs=False)
    _remove_created(mapper)
    stage_files(mapper, stage_func=_link, symlink=False, fix_conflicts=True)
    for each in _all(files):
        each["location"] = url_of(mapper.mapper(each["location"]).target)
        each.pop("contents", None)
        if each["class"] == "File" and checksum:
            compute_checksums(access, each)
    results.write_object(os.path.join(results.workspace, OUTPUT_OBJECT), found)


def _outermost(value: Json) -> Iterator[Any]:
    """Yield the files and directories of a value that are not in another one."""
    if is_file(value):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _outermost(each)


def _name_once(files: Iterable[Any]) -> None:
    """Give one location to what is one file under one name, though a link leads to it. It is linked only once."""
    first: dict[tuple[str, str], str] = {}
    for each in _all(files):
        if each["location"].startswith(FILE):
            real = os.path.realpath(path_of(each["location"]))
            each["location"] = first.setdefault((real, each["basename"]), each["location"])


def _all(files: Iterable[Any]) -> Iterator[Any]:
    """Yield files and directories, and those in them or next to them."""
    for each in files:
        yield each
        yield from _all([*each.get("secondaryFiles", []), *each.get("listing", [])])


def _remove_created(mapper: PathMapper) -> None:
    """Remove files of an earlier run that cannot be written."""
    for entry in mapper:
        if entry.type == "CreateFile" and os.path.isfile(entry.target):
            os.unlink(entry.target)


def _link(source: str, target: str) -> None:
    """Link a file, or the files in a directory. What an earlier run has linked is replaced."""
    if os.path.lexists(target):
        if os.path.exists(target) and os.path.samefile(source, target):
            return
        if os.path.isdir(source) and os.path.isdir(target):
            _link_all(source, target)
            return
        os.unlink(target)
    if os.path.isdir(source):
        _link_all(source, target)
        return
    link(source, target)


def _link_all(source: str, target: str) -> None:
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(source)):
        _link(os.path.join(source, name), os.path.join(target, name))
