"""What all tests share."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A make that runs the tests is no part of those that they run.
for _name in [name for name in os.environ if name.startswith(("MAKE", "MFLAGS", "GNUMAKEFLAGS"))]:
    del os.environ[_name]

# Programs that a shell runs in the background ignore interrupts, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a machine under load is not a fault of ours.
settings.register_profile("reana-batch", deadline=None)
# pytest --hypothesis-profile thorough tests/property
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("reana-batch")
