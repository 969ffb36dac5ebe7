"""The warning about a rule of a site that a run would break."""

from __future__ import annotations

from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.site import Site


def warn_of_limit(
    diagnostics: Diagnostics, site: Site, setting: str, message: str, place: Place | None, hint: str
) -> None:
    """Add the warning about a limit of the site. Its hint names the source of the limit, if the profile does."""
    source = site.sources.get(setting, "")
    diagnostics.warning("over-limit", message, place, f"{hint} The rule is from {source}" if source else hint)
