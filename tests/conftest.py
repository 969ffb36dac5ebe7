"""Settings and hooks of all tests."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings

from tests import surroundings

surroundings.reset()
surroundings.settle()

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


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if lines of bash are counted and the unit tests run too few of them."""
    kept = bash_lines.folder()
    if kept and "PYTEST_XDIST_WORKER" not in os.environ and not bash_lines.share(kept).is_enough:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the share of bash that the tests ran, and the logs of boxes that did not start.

    Each such box was replaced, so that no other test failed.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ and (traces := bash_lines.folder()):
        terminalreporter.section("bash")
        terminalreporter.write_line(str(bash_lines.share(traces)))
    from tests.site.box import CACHE  # it reads the variables set above

    kept = [str(path) for path in CACHE.glob("failed/*/") if path.stat().st_mtime >= _BEGUN]
    if kept and "PYTEST_XDIST_WORKER" not in os.environ:
        terminalreporter.section("boxes that were not healthy")
        terminalreporter.write_line(f"the logs of their daemons are in {', '.join(kept)}")
