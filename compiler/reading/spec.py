"""The content of a reana.yaml that was read."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch.credentials import CREDENTIALS
from reana_batch.frontend import FrontEnd
from reana_batch.ir import DataFile, Hint
from reana_batch.reading.document import Document, as_text, mapping_at


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed reana.yaml. ``document`` has the place of every value."""

    path: Path
    directory: Path  # all paths of the analysis are relative to it
    document: Document
    type: str
    front_end: FrontEnd  # the record of the type
    parameters: Mapping[str, Any]  # inputs.parameters, overridden by -p, in the declared types
    given: Mapping[str, str]  # the values of -p as the user typed them
    options: Mapping[str, str]
    input_files: tuple[str, ...]
    input_directories: tuple[str, ...]
    output_files: tuple[str, ...]
    output_directories: tuple[str, ...]
    data: tuple[DataFile, ...]  # the declared data: data references among the files
    tests: tuple[str, ...]
    resources: Mapping[str, Any]  # workflow.resources
    strict: bool = False  # if REANA differs from the workflow engine, do as the engine does
    # The path or URL of the workflow definition if it is outside of the analysis. Then the directory of the analysis
    # holds what the workspace will hold at the start, and nothing is declared.
    definition: str = ""

    @property
    def values(self) -> Mapping[str, Any]:
        """The value of each parameter in the text of a command. A value of -p is the text that the user typed."""
        return {**self.parameters, **self.given}

    @property
    def cvmfs(self) -> tuple[str, ...]:
        """The CVMFS repositories that all steps see."""
        repositories = self.resources.get("cvmfs")
        return tuple(repositories) if isinstance(repositories, list) else ()

    @property
    def default_hints(self) -> dict[str, Hint]:
        """The default hints of each step: the workflow's own credentials."""
        names = (name for name, each in CREDENTIALS.items() if each.for_all_steps and self.resources.get(name) is True)
        return {name: Hint(True, self.document.place(["workflow", "resources", name])) for name in names}

    @property
    def workflow_file(self) -> str:
        """The path of the workflow definition, relative to the analysis, or an empty text."""
        return self.definition or definition_path(self.document, self.front_end, self.options)


def definition_path(document: Document, front_end: FrontEnd, options: Mapping[str, str]) -> str:
    """Return the path of the workflow definition, relative to the analysis, or an empty text."""
    written = as_text(mapping_at(document.data, "workflow").get("file"))
    return posixpath.join(options.get(front_end.folder_option, ""), written) if written else ""
