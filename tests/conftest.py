"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a machine under load is not a fault of ours.
settings.register_profile("reana-batch", deadline=None)
settings.load_profile("reana-batch")
