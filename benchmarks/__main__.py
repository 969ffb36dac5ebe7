"""Measure, print a table, and exit with 1 if a figure exceeds its limit."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import big, cases
from benchmarks.cases import Case

ROOT = Path(__file__).parents[1]
MEASURED = [sys.executable, "-m", "benchmarks.measured"]
REANA_BATCH = [sys.executable, str(Path(sysconfig.get_path("scripts"), "reana-batch"))]
# Prefer memory to a disk: other users of a disk can slow its journal down tenfold.
MEMORY = Path("/dev/shm")

# A case runs this many times, or until it has taken this many seconds.
_LONG = 60.0  # seconds
# Starting takes so little time that it is measured more often.
_STARTS = 15


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a child process."""

    cpu_seconds: float  # user and system; only of the measured part if the child printed that
    wall_seconds: float
    mebibytes: float  # at its peak


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table: our medians, next to those of the peer."""

    case: str
    backend: str
    seconds: float
    peer_seconds: float
    mebibytes: float
    runs: int
    most_seconds: float | None = None
    most_mebibytes: float | None = None
    most_ratio: float | None = None

    @property
    def ratio(self) -> float:
        return self.seconds / self.peer_seconds

    @property
    def kept(self) -> bool:
        """Whether the result is within its limits."""
        slow = self.most_seconds is not None and self.seconds >= self.most_seconds
        slow = slow or (self.most_ratio is not None and self.ratio > self.most_ratio)
        large = self.most_mebibytes is not None and self.mebibytes >= self.most_mebibytes
        return not (slow or large)


# --- measuring -----------------------------------------------------------------------------------


def child(command: list[str], expected: tuple[int, ...] = (0,)) -> Cost:
    """Run a command and return its cost. It must exit with one of the ``expected`` codes.

    Linux counts the memory of the process that starts a child as the child's, so this process stays small.
    """
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in expected:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{errors.read().decode()}")
    part = float(printed) if command[:3] == MEASURED and printed else None
    cpu_seconds = usage.ru_utime + usage.ru_stime if part is None else part
    return Cost(cpu_seconds, wall_seconds, usage.ru_maxrss / 1024)


def repeat(measure: Callable[[], tuple[Cost, Cost]], runs: int) -> list[tuple[Cost, Cost]]:
    """Return the costs of ours and of the peer. They run in turn, so that other load affects both."""
    end = time.monotonic() + _LONG
    costs = [measure()]
    while len(costs) < runs and time.monotonic() < end:
        costs.append(measure())
    return costs


def compile_case(case: Case, backend: str, runs: int, directory: Path) -> Result:
    """Measure compiling against a bare loop that writes the same files."""

    def measure() -> tuple[Cost, Cost]:
        with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
            run = f"{folder}/run"
            if case.kind == "serial":
                spec = Path(folder, "reana.yaml")
                spec.write_text(cases.spec_text(case.size), encoding="utf-8")
                ours = child([*REANA_BATCH, "compile", "-b", backend, "-f", str(spec), "-o", run])
            else:
                ours = child([*MEASURED, "compile", case.kind, str(case.size), backend, run])
            return ours, child([*MEASURED, "write-again", run, f"{folder}/again"])

    costs = repeat(measure, runs)
    return Result(case.title, backend, *medians(costs), case.most_seconds, case.most_mebibytes)


def load_case(runs: int, directory: Path) -> Result:
    """Measure reading and checking a long reana.yaml against libyaml alone."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
        spec = Path(folder, "reana.yaml")
        spec.write_text(cases.spec_text(cases.SPEC_STEPS), encoding="utf-8")
        ours, peer = ([*MEASURED, what, str(spec)] for what in ("load-spec", "load-yaml"))
        costs = repeat(lambda: (child(ours), child(peer)), runs)
    title = f"load {cases.SPEC_STEPS * cases.LINES_PER_STEP:,} lines"
    return Result(title, "-", *medians(costs), cases.MOST_LOAD_SECONDS)


def big_case(name: str, runs: int, directory: Path) -> Result:
    """Measure the answer to 10 MB of one kind against libyaml, which only parses them."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
        spec = Path(folder, "reana.yaml")
        spec.write_text(big.largest(name), encoding="utf-8")
        ours = [*REANA_BATCH, "validate", "--site", "generic-slurm", "-f", str(spec)]
        peer = [*MEASURED, "scan-yaml", str(spec)]
        costs = repeat(lambda: (child(ours, (0, 3)), child(peer)), runs)
    return Result(f"big: {name}", "-", *medians(costs), big.MOST_SECONDS)


def snakemake_case(jobs: int, backend: str, runs: int, directory: Path) -> Result:
    """Measure compiling a Snakemake workflow against Snakemake's own dry run of it."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
        Path(folder, "Snakefile").write_text(cases.snakefile(jobs), encoding="utf-8")
        Path(folder, "reana.yaml").write_text("workflow: {type: snakemake, file: Snakefile}\n", encoding="utf-8")
        ours = [*REANA_BATCH, "compile", "-b", backend, "-f", folder, "-o", f"{folder}/run", "--force"]
        peer = [sys.executable, "-m", "snakemake", "-n", "-q", "all", "-s", f"{folder}/Snakefile", "-d", folder]
        costs = repeat(lambda: (child(ours), child(peer)), runs)
    print(f"  its dry run takes {median(peer.mebibytes for _, peer in costs):.1f} MiB", file=sys.stderr)
    return Result(f"snakemake {jobs:,}", backend, *medians(costs), most_ratio=cases.MOST_OF_A_DRY_RUN)


def yadage_case(jobs: int, model: str, runs: int, directory: Path) -> Result:
    """Measure compiling a Yadage workflow against Yadage's own expansion of it."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
        Path(folder, "workflow.yaml").write_text(cases.yadage(), encoding="utf-8")
        analysis = {
            "inputs": {"parameters": {"seeds": list(range(jobs - 1))}},
            "workflow": {"type": "yadage", "file": "workflow.yaml"},
        }
        Path(folder, "reana.yaml").write_text(json.dumps(analysis), encoding="utf-8")
        ours = [*REANA_BATCH, "compile", "-b", "slurm", "-f", folder, "-o", f"{folder}/run", "--force"]
        peer = [*MEASURED, "expand-yadage", folder, model]
        costs = repeat(lambda: (child(ours), child(peer)), runs)
    print(f"  its expansion takes {median(peer.mebibytes for _, peer in costs):.1f} MiB", file=sys.stderr)
    return Result(f"yadage {jobs:,}", "slurm", *medians(costs), most_ratio=cases.MOST_OF_AN_EXPANSION)


def cwl_case(jobs: int, runs: int, directory: Path) -> Result:
    """Measure compiling a CWL workflow against cwltool's own walk of it."""
    with tempfile.TemporaryDirectory(prefix="reana-batch-benchmark-", dir=directory) as folder:
        Path(folder, "workflow.cwl").write_text(cases.cwl(), encoding="utf-8")
        Path(folder, "job.json").write_text(json.dumps({"words": list(map(str, range(jobs - 1)))}), encoding="utf-8")
        analysis = {
            "inputs": {"files": ["job.json"], "parameters": {"input": "job.json"}},
            "workflow": {"type": "cwl", "file": "workflow.cwl"},
        }
        Path(folder, "reana.yaml").write_text(json.dumps(analysis), encoding="utf-8")
        ours = [*REANA_BATCH, "compile", "-b", "slurm", "-f", folder, "-o", f"{folder}/run", "--force"]
        costs = repeat(lambda: (child(ours), child([*MEASURED, "walk-cwl", folder])), runs)
    print(f"  cwltool's walk takes {median(peer.mebibytes for _, peer in costs):.1f} MiB", file=sys.stderr)
    return Result(f"cwl {jobs:,}", "slurm", *medians(costs), cases.CWL_JOBS[jobs])


def help_case() -> Result:
    """Measure the wall time of --help against that of an empty Python program."""
    costs = repeat(lambda: (child([*REANA_BATCH, "--help"]), child([sys.executable, "-c", "pass"])), _STARTS)
    return Result("--help, wall time", "-", *medians(costs, wall=True), cases.MOST_HELP_SECONDS)


def medians(costs: list[tuple[Cost, Cost]], *, wall: bool = False) -> tuple[float, float, float, int]:
    """Return the fields of a Result from the costs of ours and of the peer."""
    seconds, peer_seconds = (
        median(cost.wall_seconds if wall else cost.cpu_seconds for cost in side) for side in zip(*costs, strict=True)
    )
    return seconds, peer_seconds, median(ours.mebibytes for ours, _ in costs), len(costs)


def results(wanted: re.Pattern[str], runs: int, directory: Path) -> Iterator[Result]:
    """Measure every case whose title and back end match."""
    for case in cases.CASES:
        for backend in cases.BACKENDS:
            if wanted.search(f"{case.title} {backend}"):
                yield compile_case(case, backend, runs, directory)
    yield from front_ends(wanted, runs, directory)
    yield from answers(wanted, runs, directory)


def front_ends(wanted: re.Pattern[str], runs: int, directory: Path) -> Iterator[Result]:
    """Measure the cases of each front end that another program reads for."""
    for jobs in cases.SNAKEMAKE_JOBS:
        for backend in cases.BACKENDS:
            if wanted.search(f"snakemake {jobs:,} {backend}"):
                yield snakemake_case(jobs, backend, runs, directory)
    for jobs, model in cases.YADAGE_JOBS.items():
        if wanted.search(f"yadage {jobs:,} slurm"):
            yield yadage_case(jobs, model, runs, directory)
    for jobs in cases.CWL_JOBS:
        if wanted.search(f"cwl {jobs:,} slurm"):
            yield cwl_case(jobs, runs, directory)


def answers(wanted: re.Pattern[str], runs: int, directory: Path) -> Iterator[Result]:
    """Measure the cases that write nothing."""
    for name in big.BIG:
        if wanted.search(f"big: {name}"):
            yield big_case(name, min(runs, 1), directory)
    if wanted.search("load"):
        yield load_case(runs, directory)
    if wanted.search("--help"):
        yield help_case()


def growth(found: Iterable[Result]) -> dict[str, float]:
    """Return by back end the peak memory of the largest scatter above that of the smallest, in MiB."""
    sizes = [case.title for case in cases.CASES if case.kind == "scatter"]
    peaks = {(result.case, result.backend): result.mebibytes for result in found}
    ends = {backend: ((sizes[0], backend), (sizes[-1], backend)) for backend in cases.BACKENDS}
    return {b: peaks[last] - peaks[first] for b, (first, last) in ends.items() if {first, last} <= peaks.keys()}


# --- showing -------------------------------------------------------------------------------------

HEADER = f"{'CASE':<28} {'BACK END':<9} {'CPU S':>8} {'PEER':>8} {'RATIO':>7} {'MIB':>7} {'RUNS':>5}  AT MOST"


def line(result: Result) -> str:
    limits = [(result.most_seconds, "s"), (result.most_mebibytes, "MiB"), (result.most_ratio, "of the peer")]
    most = ", ".join(f"{limit:g} {unit}" for limit, unit in limits if limit is not None)
    figures = f"{result.seconds:>8.3f} {result.peer_seconds:>8.3f} {result.ratio:>7.1f} {result.mebibytes:>7.1f}"
    missed = "" if result.kept else "  MISSED"
    return f"{result.case:<28} {result.backend:<9} {figures} {result.runs:>5}  {most}{missed}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="REGEX", default="", help="cases to measure, such as 'scatter.*make'")
    parser.add_argument("--runs", type=int, default=3, help="measurements of each case (default: %(default)s)")
    parser.add_argument("--directory", type=Path, help="where to write temporary files (default: memory, else TMPDIR)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    given = parser.parse_args()
    directory = given.directory or (MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir()))
    print(HEADER)
    found: list[Result] = []
    for result in results(re.compile(given.only), given.runs, directory.resolve()):
        found.append(result)
        print(line(result), flush=True)
    grown = growth(found)
    for backend, mebibytes in grown.items():
        missed = "" if mebibytes < cases.MOST_GROWTH_MEBIBYTES else "  MISSED"
        print(f"{backend}: a million rows take {mebibytes:+.1f} MiB more than a thousand{missed}")
    if given.json:
        records = [asdict(result) | {"ratio": result.ratio, "kept": result.kept} for result in found]
        given.json.write_text(json.dumps({"results": records, "growth_mebibytes": grown}, indent=1) + "\n", "utf-8")
    kept = all(result.kept for result in found) and all(m < cases.MOST_GROWTH_MEBIBYTES for m in grown.values())
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
