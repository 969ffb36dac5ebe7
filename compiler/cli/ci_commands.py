"""The command that writes the file of a CI service for an analysis."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reana_batch.cli.answers import Answer, answering, write_file
from reana_batch.cli.options import compile_analysis, given_words, spec_options
from reana_batch.cli.terminal import Line, Raw, line
from reana_batch.report.ci import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reana_batch.report.ci import Variable


@click.command("ci")
@click.argument("kind", type=click.Choice(list(KINDS)))
@spec_options
@click.option(
    "--tag",
    "tags",
    multiple=True,
    default=("reana-batch",),
    show_default=True,
    help="A tag or label of the runner at the site.",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=20),
    default=180,
    show_default=True,
    metavar="MINUTES",
    help="The time limit of a job. A run may take longer.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.  [default: stdout]"
)
@click.option("--force", is_flag=True, help="Replace the file.")
@answering
def ci(
    kind: str,
    file: Path | None,
    tags: tuple[str, ...],
    timeout: int,
    output: Path | None,
    force: bool,
    **given: Any,
) -> Answer:
    """Print a file for GitLab CI or GitHub Actions.

    Its jobs validate and run the analysis when the repository changes. They need a runner at the site.
    """
    from reana_batch.reading.analysis import find_spec
    from reana_batch.report.ci import Jobs, ci_file, variables
    from reana_batch.writing.render import Unquotable

    analysis = find_spec(file, Path())
    words = ["-f", _in_repository(analysis), *given_words(given)]
    compilation = compile_analysis(analysis, without_secrets=True, **given)
    try:
        text = ci_file(kind, compilation, Jobs(words, tags, timeout))
    except Unquotable as error:
        raise click.UsageError(f"An option cannot be in the file: {error}.") from error
    wanted = list(variables(compilation))
    record = {"kind": kind, "text": text, "variables": [each.name for each in wanted]}
    if output is None:
        return Answer(record, [Raw([text])], compilation.diagnostics)
    write_file(output, text.encode(), new=not force)
    return Answer(record, _written(output, wanted), compilation.diagnostics)


def _in_repository(analysis: Path) -> str:
    """Return the path of the analysis in its git repository. Without one, the path below the working directory."""
    place = Path(os.path.realpath(analysis))
    top = next((folder for folder in place.parents if (folder / ".git").exists()), Path(os.path.realpath(".")))
    if not place.is_relative_to(top):
        raise click.UsageError(f"{analysis} is not in a git repository, and not below the working directory.")
    return str(place.relative_to(top))


def _written(output: Path, wanted: list[Variable]) -> Iterator[Line]:
    yield line(f"==> SUCCESS: {output} has been written.", "green")
    if wanted:
        yield line(
            f"Its jobs make secrets of these variables, if they are set: {', '.join(each.name for each in wanted)}."
        )
