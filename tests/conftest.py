"""Settings and hooks of all tests."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings

from tests import python_lines, surroundings

surroundings.reset()
surroundings.settle()
python_lines.begin()

from tests import bash_lines  # noqa: E402  # it imports the package, which may read the environment

_BEGUN = time.time()

# No deadline: a machine under load is not a fault of the program.
settings.register_profile("reana-batch", deadline=None)
# pytest --hypothesis-profile thorough tests/property
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("reana-batch")


def pytest_sessionstart() -> None:
    """Begin to count the lines of bash that run."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        bash_lines.begin()


def _shares() -> dict[str, bash_lines.Share | python_lines.Share]:
    """Return how much of each language was run, where that is counted and all tests have ended."""
    found: dict[str, bash_lines.Share | python_lines.Share] = {}
    if "PYTEST_XDIST_WORKER" not in os.environ:
        if traces := bash_lines.folder():
            found["bash"] = bash_lines.share(traces)
        if measurements := python_lines.folder():
            found["python"] = python_lines.share(measurements)
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if the tests run too little of the lines that are counted."""
    python_lines.save()
    if not all(share.is_enough for share in _shares().values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the shares of bash and Python that the tests ran, and the logs of boxes that did not start.

    Each such box was replaced, so that no other test failed.
    """
    for language, share in _shares().items():
        terminalreporter.section(language)
        terminalreporter.write_line(str(share))
    from tests.site.box import CACHE  # it reads the variables set above

    kept = [str(path) for path in CACHE.glob("failed/*/") if path.stat().st_mtime >= _BEGUN]
    if kept and "PYTEST_XDIST_WORKER" not in os.environ:
        terminalreporter.section("boxes that were not healthy")
        terminalreporter.write_line(f"the logs of their daemons are in {', '.join(kept)}")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processes that a test starts measured, if the tests are."""
    for name, value in python_lines.variables().items():
        monkeypatch.setenv(name, value)
