"""The command that estimates a run and starts nothing: estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.estimating import Asked, estimate_of, estimating_options
from reana_batch.cli.options import compile_analysis, spec_options


@click.command("estimate")
@spec_options
@estimating_options
@answering
def estimate(file: Path | None, asked: Asked, **given: Any) -> Answer:
    """Estimate what a run needs, before it starts."""
    from reana_batch.cli.estimate_text import estimate_answer

    compilation = compile_analysis(file, **given)
    return estimate_answer(compilation, estimate_of(compilation, asked, given))
