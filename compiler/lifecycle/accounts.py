"""What the batch systems of a run wrote down of its jobs."""

from __future__ import annotations

from reana_batch import backends
from reana_batch.diagnostics import Diagnostics, Refused
from reana_batch.lifecycle.status import silence_of
from reana_batch.run.parts import Run
from reana_batch.run.queue import Submission
from reana_batch.run.run_json import read_record
from reana_batch.run.usage import Account, Accounts


def accounts_of(run: Run) -> tuple[Accounts, Diagnostics]:
    """Return the accounts of all jobs, with one query of each batch system, and why a system did not answer."""
    own, found, silent = run.manifest.backend, dict[tuple[str, int], Account](), Diagnostics()
    for name in (own, *run.guests):
        last = read_record(run.directory).last_submission if name == own else Submission()
        try:
            found |= backends.driver(name).accounts(run.directory, last)
        except Refused as refused:
            silent.add(silence_of(refused).diagnostics)
    return found, silent
