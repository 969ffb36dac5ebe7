"""Results of conformance tests: one file of JSON for each suite and runner, and a table of all of them."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

OUTCOMES = ("passed", "failed", "unsupported")


@dataclass(frozen=True)
class Result:
    """How a runner did on a test."""

    name: str
    outcome: str  # one of OUTCOMES
    reason: str  # why it did not pass
    seconds: float


@dataclass
class Report:
    """What a runner did on a suite, in one mode."""

    suite: str
    runner: str
    mode: str
    backend: str
    date: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date().isoformat())
    versions: dict[str, str] = field(default_factory=lambda: {each: version(each) for each in ("cwltool", "cwltest")})
    results: list[Result] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The runner, with its batch system and the mode if they are not the usual ones."""
        return " ".join(each for each in (self.runner, self.backend, self.mode) if each)

    def count(self, outcome: str) -> int:
        return Counter(each.outcome for each in self.results)[outcome]

    def misses(self) -> Iterator[Result]:
        return (each for each in self.results if each.outcome != OUTCOMES[0])

    def write(self, folder: Path) -> None:
        """Write the results to a file whose name tells the suite, the runner and the mode."""
        path = folder / f"{self.suite}-{self.title.replace(' ', '-')}.json"
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")


def read(folder: Path) -> list[Report]:
    """Return the reports in a folder."""
    reports = []
    for path in sorted(folder.glob("v*.json"), reverse=True):
        fields = json.loads(path.read_text("utf-8"))
        fields["results"] = [Result(**each) for each in fields["results"]]
        reports.append(Report(**fields))
    return reports


def table(reports: Sequence[Report]) -> str:
    """Return the counts and the misses, as Markdown."""
    rows = [
        (each.suite, each.title, str(len(each.results)), *(str(each.count(outcome)) for outcome in OUTCOMES), each.date)
        for each in reports
    ]
    return "".join([*_rows(("suite", "runner", "tests", *OUTCOMES, "date"), rows), *map(_missed, reports)])


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |\n"


def _missed(report: Report) -> str:
    named = [(each.name, each.outcome, each.reason.replace("|", r"\|")) for each in report.misses()]
    title = f"\n## {report.suite}, {report.title}\n\n"
    return title + ("".join(_rows(("test", "outcome", "reason"), named)) if named else "All tests passed.\n")


def lost(reports: Sequence[Report], reference: str) -> Mapping[str, list[str]]:
    """Return the tests that only the runner named ``reference`` passed, by suite and runner."""
    best = {
        each.suite: {result.name for result in each.results if result.outcome == OUTCOMES[0]}
        for each in reports
        if each.runner == reference
    }
    return {
        f"{each.suite} {each.title}": found
        for each in reports
        if each.runner != reference and (found := [r.name for r in each.misses() if r.name in best.get(each.suite, ())])
    }


def show_missed(reports: Iterable[Report], known: Container[str] = ()) -> int:
    """Print the tests that did not pass, except the ``known`` ones. Return 1 if there are any."""
    missed = [(each, test) for each in reports for test in each.misses() if test.name not in known]
    for each, test in missed:
        print(f"FAILED {each.suite} {each.title} {test.name}: {test.reason}")
    return 1 if missed else 0
