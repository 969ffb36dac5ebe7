"""What `doctor` finds of HTCondor on this machine: its tools, schedd and pool, and what the site's jobs ask for."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.htcondor.tools import default_place
from reana_batch.findings import Finding, clock, finding, judged, output, told, tool

if TYPE_CHECKING:
    from reana_batch.site import Site


def examine(site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether HTCondor's tools, schedd, pool and bindings work here, and whether the accounting group exists."""
    cure = "log in to a machine that submits to HTCondor, such as lxplus."
    found = tool("HTCondor tools", needed, cure, "condor_version")
    yield found
    if found.state == "ok":
        good, note = judged(told("condor_q", "-totals"), "the schedd answers", "the schedd does not answer")
        cure = "look at condor_q; has your Kerberos ticket expired?"
        yield finding("HTCondor schedd", good, needed, note, cure)
        if needed:
            yield from _clock()
            yield from _pool(site)
    there = importlib.util.find_spec("htcondor2") is not None
    note = "installed" if there else "not installed; HTCondor's tools are used instead"
    yield finding("HTCondor bindings", there, False, note, "")


def _clock() -> Iterator[Finding]:
    """Yield whether the clock of the schedd agrees. The schedd itself is asked, because the collector's copy is old."""
    name, began = default_place().get("schedd", ""), time.time()
    shown = output("condor_status", "-schedd", *(("-direct", name) if name else ()), "-af", "MyCurrentTime")
    ended = time.time()
    if name and shown and shown.isdecimal():
        yield clock("clock of the schedd", int(shown), began - 1, ended)
    else:
        yield finding("clock of the schedd", None, True, "the schedd does not show its time", "")


def _pool(site: Site) -> Iterator[Finding]:
    """Yield whether the pool has workers, and the accounting group of the profile."""
    slot = output("condor_status", "-limit", "1", "-af", "Machine")
    note = {None: "the collector does not answer", "": "it has no slots"}.get(slot, "it has slots")
    yield finding("HTCondor pool", bool(slot) if slot is not None else None, True, note, "look at condor_status.")
    group = site.of(HTCondorSettings).accounting_group
    if group:
        yield _group(group)


def _group(group: str) -> Finding:
    """Return whether the negotiator has this accounting group. It advertises its groups to the collector."""
    text = output("condor_status", "-any", "-constraint", 'MyType == "Accounting" && IsAccountingGroup', "-af", "Name")
    known = [name for name in (text or "").split() if name != "<none>"]
    subject = "accounting group"
    if not known:
        note = f"{group}; the pool does not show its groups" if text is not None else "the collector does not answer"
        return finding(subject, None, True, note, "ask your pool.")
    # A job may add its user to the name of a group.
    good = any(re.fullmatch(rf"{re.escape(name)}(\..+)?", group, re.IGNORECASE) for name in known)
    note = f"{group} {'exists' if good else 'does not exist'}"
    return finding(subject, good, True, note, f"set htcondor.accounting_group to one of {', '.join(known)}.")
