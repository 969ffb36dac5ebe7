"""The record that describes a workflow type.

The reader of an analysis asks this record what the type needs and means. It never asks which type it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """A workflow type of REANA: the module that reads it, and what its reana.yaml may contain."""

    module: str = ""  # it has load(spec, diagnostics, results)
    options: tuple[str, ...] = ()  # the operational options (reana_commons.operational_options)
    idle_options: tuple[str, ...] = ()  # the options that have no effect, as in REANA
    folder_option: str = ""  # the option that names the folder of workflow.file
    defined_by: tuple[str, ...] = ()  # the keys of workflow that can have the definition; the first is the usual one
    form_hint: str = ""  # what to write if none of them is present
    parameters_by_file: bool = False  # can inputs.parameters.input and workflow.parameters.file name a file?
    fills_in_text: bool = False  # do commands get str() of a parameter of any type?
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # keys that belong in the definition, and where in it

    @property
    def needs_file(self) -> bool:
        """Does workflow.file define the workflow? Then it is an input."""
        return "file" in self.defined_by


# An unknown type. The schema reports it. The checks that are common to all types still run.
UNKNOWN = FrontEnd(defined_by=("file",))
