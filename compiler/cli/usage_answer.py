"""What ``status --usage`` adds to the state of a run."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from reana_batch.cli.answers import Answer
from reana_batch.cli.terminal import show

if TYPE_CHECKING:
    from reana_batch import RunStatus


def with_usage(answer: Answer, current: RunStatus) -> Answer:
    """Return the answer with what the jobs of a run asked for and used."""
    from reana_batch.cli.job_text import usage_tables
    from reana_batch.lifecycle.accounts import accounts_of
    from reana_batch.lifecycle.usage import by_step, worst
    from reana_batch.report.job_records import usage_record
    from reana_batch.run.records import FAILED
    from reana_batch.run.usage import FINISHED, rows

    accounts, silent = accounts_of(current.run)
    show(silent)
    ended = list(rows(current.run, accounts, states=(FINISHED, FAILED)))
    found, most = list(by_step(ended)), worst(ended)
    record = answer.record
    assert callable(record)
    return replace(
        answer,
        record=lambda: {**record(), "usage": usage_record(found, most)},
        shown=chain(answer.shown, usage_tables(found, most)),
    )
