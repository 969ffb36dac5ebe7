"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline: a machine under load is not a fault of ours.
settings.register_profile("reana-batch", deadline=None)
# pytest --hypothesis-profile thorough tests/property
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("reana-batch")
