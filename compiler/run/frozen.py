"""What a run keeps of its compilation, so that its expansions are compiled the same way, whatever has changed since.

That is the analysis as it was written, the user's choices and the settings of the site.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.credentials import as_record, from_record
from reana_batch.diagnostics import refuse
from reana_batch.ir import CredentialPlan
from reana_batch.reading.spec import Spec
from reana_batch.run.small_files import damaged, read_json
from reana_batch.site import Site, settings_of, site_of
from reana_batch.writing.render import File

_DESCRIPTION = f"{layout.BATCH}/expansions.json"
_ANALYSIS = f"{layout.BATCH}/analysis"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The parts of a compilation that its expansions use again."""

    name: str  # of the workflow
    within: tuple[str, ...]  # as in Workflow
    spec: str  # the name of the analysis' file
    choices: Mapping[str, Any]  # by the names of pipeline.Options
    site: Site
    backend: str
    credential_plan: CredentialPlan
    durations: Mapping[str, float]  # seconds a row takes, by step, as measured in an earlier run
    states: Mapping[str, Mapping[str, Any]]  # by expansion
    awaited: tuple[str, ...] = ()  # the expansions that something waits for

    def spec_path(self, run: Path) -> Path:
        """Return the path of the analysis as it was."""
        return run / _ANALYSIS / self.spec


def files(kept: Frozen, spec: Spec) -> Iterator[File]:
    """Yield what :func:`read` reads."""
    yield File(f"{_ANALYSIS}/{kept.spec}", spec.document.text)
    record = {
        "name": kept.name,
        "within": kept.within,
        "spec": kept.spec,
        "choices": kept.choices,
        "site": kept.site.name,
        "settings": settings_of(kept.site),
        "backend": kept.backend,
        "credential_plan": as_record(kept.credential_plan),
        "durations": kept.durations,
        "states": kept.states,
        "awaited": kept.awaited,
    }
    yield File(_DESCRIPTION, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def read(run: Path, expansion: str, known: Site) -> Frozen:
    """Return what the run in this directory keeps; ``known`` has all settings. Refused if it has no such expansion."""
    try:
        record = read_json(run / _DESCRIPTION)
    except FileNotFoundError:
        record = {"states": {}}
    try:
        if expansion not in record["states"]:
            raise refuse("unknown-step", f'{run} has no expansion "{expansion}".')
        # The run of an older version lacks the settings of this one.
        site = site_of(record.pop("site"), {**settings_of(known), **record.pop("settings")}, known)
        plan = from_record(record.pop("credential_plan"))
        within = tuple(record.pop("within"))
        awaited = tuple(record.pop("awaited", ()))
        return Frozen(site=site, credential_plan=plan, within=within, awaited=awaited, **record)
    except (AttributeError, KeyError, TypeError):
        raise damaged(run / _DESCRIPTION) from None
