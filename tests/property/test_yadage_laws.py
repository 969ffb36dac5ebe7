"""Laws of Yadage workflows: files that are put together by references are the workflow in one file."""

from __future__ import annotations

import json
import posixpath
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reana_batch.diagnostics import Diagnostics, render
from reana_batch.frontends.yadage import definition
from tests.unit.yadage_files import spec_in, write

KEYS = st.text("ab/~ %é", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab{}é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
FILES = ("workflow.yml", "steps.yml", "sub/more.yml", "sub/deep/all.yml", "sub dir/x.yml")


class Splitting:
    """Moves parts of a value to other files. Each file is a mapping of the moved parts."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        self.files: dict[str, dict[str, Any]] = {name: {} for name in FILES[1:]}
        self.places: dict[tuple[str | int, ...], str] = {}  # the file of each list and mapping

    def split(self, value: Any, file: str, path: tuple[str | int, ...]) -> Any:
        """Return the value as it is in a file."""
        if path and isinstance(value, dict | list) and self._draw(st.booleans()):
            other = self._draw(st.sampled_from(FILES[1:]))
            key = f"part {len(self.places)}"
            self.files[other][key] = None
            self.files[other][key] = self._inside(value, other, path)
            same = other == file and self._draw(st.booleans())
            where = "" if same else posixpath.relpath(other, posixpath.dirname(file) or ".")
            return {"$ref": f"{where}#/{key.replace(' ', '%20')}", **({"x": 1} if self._draw(st.booleans()) else {})}
        return self._inside(value, file, path)

    def _inside(self, value: Any, file: str, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict | list):
            self.places[path] = file
        if isinstance(value, dict):
            return {key: self.split(each, file, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.split(each, file, (*path, index)) for index, each in enumerate(value)]
        return value


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), st.data())
def test_a_split_workflow_is_the_same(whole: dict[str, Any], data: st.DataObject) -> None:
    splitting = Splitting(data.draw)
    files = {"workflow.yml": splitting.split(whole, "workflow.yml", ())}
    files |= {name: parts for name, parts in splitting.files.items() if parts}
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), {file: json.dumps(value) for file, value in files.items()})
        diagnostics = Diagnostics()
        found = definition.read(spec_in(Path(name), diagnostics), Path(name), diagnostics)
    assert found is not None, render(diagnostics, diagnostics.sources)
    assert found.data == whole
    for path, file in splitting.places.items():
        assert found.place(path).file == f"{name}/{file}"
