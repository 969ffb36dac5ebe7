"""What a workflow type is, as data.

Reading an analysis asks this record what the type needs and means, and never which type it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """One workflow type of REANA: what reads it, and what its reana.yaml may say.

    A type without a ``module`` is known, and refused.
    """

    module: str = ""  # it has load(spec, diagnostics, results)
    options: tuple[str, ...] = ()  # the operational options (reana_commons.operational_options)
    idle_options: tuple[str, ...] = ()  # those among them that have no effect in REANA either
    defined_by: tuple[str, ...] = ()  # the keys of workflow that can hold the definition; the first is the usual one
    form_hint: str = ""  # what to write where none of them is there
    parameters_by_file: bool = False  # can inputs.parameters.input and workflow.parameters.file name a file?
    fills_in_text: bool = False  # do commands get str() of a parameter, whatever its type?
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # keys of steps that belong into the definition: where

    @property
    def needs_file(self) -> bool:
        """Whether workflow.file defines the workflow, and so is an input."""
        return "file" in self.defined_by


# A type that is not known; the schema reports it, and what every type shares is checked.
UNKNOWN = FrontEnd(defined_by=("file",))
