"""What all tests share."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings

from tests import surroundings

surroundings.reset()
surroundings.settle()
_BEGUN = time.time()

# No deadline: a machine under load is not a fault of ours.
settings.register_profile("reana-batch", deadline=None)
# pytest --hypothesis-profile thorough tests/property
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("reana-batch")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show where the logs of boxes are that did not come up; each was replaced, so that no other test failed."""
    from tests.site.box import CACHE  # which reads the variables that are set above

    kept = [str(path) for path in CACHE.glob("failed/*/") if path.stat().st_mtime >= _BEGUN]
    if kept and "PYTEST_XDIST_WORKER" not in os.environ:
        terminalreporter.section("boxes that were not healthy")
        terminalreporter.write_line(f"the logs of their daemons are in {', '.join(kept)}")
