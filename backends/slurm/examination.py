"""What `doctor` finds of Slurm on this machine: its tools, its daemon, and what the site's jobs ask for."""

from __future__ import annotations

import getpass
import grp
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reana_batch.backends.slurm import tools
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.findings import TIMEOUT, Finding, Told, clock, finding, output, told, tool

if TYPE_CHECKING:
    from reana_batch.site import Site

_ASK = "ask your site."
# The limit of calls in SlurmctldParameters, and its defaults: slurm.conf(5).
_RATE = re.compile(r"\brl_(\w+)=?(\d*)", re.IGNORECASE)
_RATE_DEFAULTS = {"bucket_size": 30, "refill_rate": 2, "refill_period": 1}
_DATE = re.compile(r"^Configuration data as of (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", re.MULTILINE)


def examine(site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether Slurm's tools, slurmctld, array limit, partition, account and pyslurm work here."""
    tools_found = tool("Slurm tools", needed, "log in to a machine that submits to Slurm.", "sbatch", "--version")
    yield tools_found
    if tools_found.state != "ok":
        return
    began = time.time()
    answer = told(*tools.CONFIG)
    ended = time.time()
    config = answer.text if answer and (answer.good or _value(answer.text, "ClusterName")) else None
    is_up = None if answer and answer.good is None else config is not None
    yield finding("slurmctld", is_up, needed, _answered(answer, config), _ASK)
    settings = site.of(SlurmSettings)
    if config is not None:
        yield from _clock(config, began, ended)
        yield from _arrays(config, settings, needed)
        yield from _jobs(config, site, needed)
        yield from _calls(config, site, needed)
        if needed:
            yield from _asked(config, settings)
    yield _pyslurm(settings, needed)


def _answered(answer: Told | None, config: str | None) -> str:
    """Return whether slurmctld answered, in the words of scontrol if it has some."""
    said = answer.text.splitlines() if answer else []
    if config is None:
        return said[-1] if said else "scontrol does not answer"
    return next((line for line in said if line.startswith("Slurmctld(") and line.endswith("UP")), "it answers")


def _clock(config: str, began: float, ended: float) -> Iterator[Finding]:
    """Yield whether the clock of slurmctld agrees. scontrol shows the time of its answer in this machine's time zone."""
    shown = _DATE.search(config)
    if shown:
        yield clock("clock of slurmctld", time.mktime(time.strptime(shown[1], "%Y-%m-%dT%H:%M:%S")), began - 1, ended)


def _arrays(config: str, settings: SlurmSettings, needed: bool) -> Iterator[Finding]:
    size = _value(config, "MaxArraySize")
    if size.isdecimal():
        good = int(size) >= settings.max_array_size
        note = f"MaxArraySize is {size}, the profile says {settings.max_array_size}"
        yield finding("Slurm arrays", good, needed, note, f"set slurm.max_array_size to {size}.")


def _jobs(config: str, site: Site, needed: bool) -> Iterator[Finding]:
    size, said = _value(config, "MaxJobCount"), site.limits.queued_jobs
    if size.isdecimal() and said is not None:
        note = f"MaxJobCount is {size}, the profile says {said}"
        yield finding("Slurm jobs", int(size) >= said, needed, note, f"set limits.queued_jobs to {size}.")


def _calls(config: str, site: Site, needed: bool) -> Iterator[Finding]:
    """Yield whether the profile knows the rate to which slurmctld limits calls, if it limits them."""
    limits = dict(_RATE.findall(_value(config, "SlurmctldParameters")))
    if "enable" not in limits:
        yield finding("Slurm calls", True, needed, "slurmctld does not limit them", "")
        return
    burst, refill, period = (int(limits.get(name) or default) for name, default in _RATE_DEFAULTS.items())
    rate, said = refill / period, (site.limits.call_burst, site.limits.calls_per_second)
    good = said[0] is not None and said[0] <= burst and said[1] is not None and said[1] <= rate
    note = f"slurmctld takes {burst} at once and then {rate:.3g} a second, the profile says "
    note += " and ".join("nothing" if each is None else f"{each:g}" for each in said)
    cure = f"set limits.call_burst to {burst}, and limits.calls_per_second to {rate:.3g}."
    yield finding("Slurm calls", good, needed, note, cure)


def _value(config: str, name: str) -> str:
    """Return a value of Slurm's configuration. Empty if it has none."""
    found = re.search(rf"^{name}\s*=\s*(\S+)", config, re.MULTILINE)
    return found[1] if found and found[1] != "(null)" else ""


# --- what the jobs of the site ask for ------------------------------------------------------------


def _asked(config: str, settings: SlurmSettings) -> Iterator[Finding]:
    """Yield whether the partition, account and QOS exist, whether the user may use them, and what Slurm says itself."""
    text = output("scontrol", "--all", "--oneliner", "show", "partition")
    if text is None:
        yield finding("Slurm partition", None, True, "scontrol does not show the partitions", _ASK)
    else:
        yield _partition([dict(_pairs(line)) for line in text.splitlines()], settings)
    yield _account(config, settings)
    yield _test(settings)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Yield the words NAME=VALUE of a line."""
    for word in line.split():
        name, _, value = word.partition("=")
        yield name, value


def _partition(known: Sequence[Mapping[str, str]], settings: SlurmSettings) -> Finding:
    """Return whether one of the partitions that jobs name can run them. Jobs that name none use the default one."""
    by_name = {each.get("PartitionName", ""): each for each in known}
    default = [name for name, each in by_name.items() if each.get("Default") == "YES"]
    wanted = settings.partition.split(",") if settings.partition else default
    faults = {name: _fault(by_name.get(name), settings) for name in wanted}
    there = [name for name, fault in faults.items() if not fault]
    note = "; ".join(f"{name} {fault or _about(by_name[name])}" for name, fault in faults.items())
    if not settings.partition:
        note = f"{note} (the default of the cluster)" if default else "the profile names none, and Slurm has no default"
    cure = f"set slurm.partition to one of {', '.join(by_name)}." if by_name else _ASK
    return finding("Slurm partition", bool(there), True, note, cure)


def _about(partition: Mapping[str, str]) -> str:
    return f"is up; its jobs may take {partition.get('MaxTime', 'an unknown time').lower()}"


def _fault(partition: Mapping[str, str] | None, settings: SlurmSettings) -> str:
    """Return why a partition runs no jobs of this user. Empty if it does."""
    if partition is None:
        return "does not exist"
    if partition.get("State", "UP") != "UP":
        return f"is {partition['State'].lower()}"
    groups = {grp.getgrgid(each).gr_name for each in os.getgroups() if _is_known(each)}
    for name, mine, what in (
        ("Groups", groups, "your groups"),
        ("Accounts", {settings.account} if settings.account else None, f"the account {settings.account}"),
        ("Qos", {settings.qos} if settings.qos else None, f"the QOS {settings.qos}"),
    ):
        if mine is not None and not _allows(partition, name, mine):
            return f"does not allow {what}"
    return ""


def _is_known(group: int) -> bool:
    try:
        grp.getgrgid(group)
    except KeyError:
        return False
    return True


def _allows(partition: Mapping[str, str], name: str, mine: set[str]) -> bool:
    allowed, denied = partition.get(f"Allow{name}", "ALL"), partition.get(f"Deny{name}", "")
    return (allowed == "ALL" or not mine.isdisjoint(allowed.split(","))) and mine.isdisjoint(denied.split(","))


# --- accounts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Association:
    """A row of Slurm's accounting: what the user may use together."""

    account: str
    qos: frozenset[str]


def _account(config: str, settings: SlurmSettings) -> Finding:
    """Return whether Slurm's accounting has the user with the account and QOS of the profile."""
    subject, user = "Slurm account", getpass.getuser()
    if "slurmdbd" not in _value(config, "AccountingStorageType"):
        note = "this Slurm has no accounting" + (
            f", so {settings.account} cannot be checked" if settings.account else ""
        )
        return finding(subject, None if settings.account else True, True, note, "")
    words = ("show", "associations", f"user={user}", f"cluster={_value(config, 'ClusterName')}", "format=Account,QOS")
    text = output("sacctmgr", "--noheader", "--parsable2", "--readonly", *words)
    if text is None:
        return finding(subject, None, True, "sacctmgr does not answer", _ASK)
    rows = [line.split("|") for line in text.splitlines() if "|" in line]
    known = [_Association(account, frozenset(qos.split(","))) for account, qos, *_ in rows]
    enforced = not {"associations", "limits", "qos", "safe", "all", "wckeys"}.isdisjoint(
        _value(config, "AccountingStorageEnforce").lower().split(",")
    )
    fault = _unassociated(known, user, settings)
    if not fault:
        return finding(subject, True, True, _named(known, settings), "")
    names = ", ".join(sorted({each.account for each in known}))
    cure = f"set slurm.account to one of {names}." if names else _ASK
    return finding(subject, not enforced, True, fault if enforced else f"{fault}, but Slurm does not enforce it", cure)


def _unassociated(known: Sequence[_Association], user: str, settings: SlurmSettings) -> str:
    """Return what the associations of a user lack. Empty if nothing."""
    if not known:
        return f"{user} has no account"
    mine = [each for each in known if settings.account in (None, each.account.lower(), each.account)]
    if not mine:
        return f"{user} has no account {settings.account}"
    if settings.qos and not any(settings.qos in each.qos for each in mine):
        return f"{user} has no QOS {settings.qos} there"
    return ""


def _named(known: Sequence[_Association], settings: SlurmSettings) -> str:
    names = [settings.account] if settings.account else sorted({each.account for each in known})
    return ", ".join(names) + (f" with QOS {settings.qos}" if settings.qos else "")


def _test(settings: SlurmSettings) -> Finding:
    """Return whether Slurm would accept a job of the profile. Nothing is submitted."""
    options = [f"--{name}={value}" for name in ("partition", "account", "qos") if (value := getattr(settings, name))]
    answer = told("sbatch", "--test-only", "--time=1", *options, "--wrap=true")
    if answer is None:
        return finding("Slurm submission", None, True, "sbatch --test-only does not answer", _ASK)
    said = answer.text.splitlines()[-1].removeprefix("sbatch: ") if answer.text else "sbatch --test-only said nothing"
    note = "Slurm would accept a job" if answer.good else said
    return finding("Slurm submission", answer.good, True, note, "change slurm.partition, slurm.account or slurm.qos.")


# --- pyslurm --------------------------------------------------------------------------------------


def _pyslurm(settings: SlurmSettings, needed: bool) -> Finding:
    """Return whether pyslurm works. A subprocess tests it, because importing pyslurm may end a process."""
    from importlib import resources

    with resources.as_file(resources.files("reana_batch.templates") / "slurm/pyslurm_sbatch.py") as helper:
        command = [settings.pyslurm_python or sys.executable, str(helper)]
        try:
            done = subprocess.run(command, input="", capture_output=True, text=True, timeout=TIMEOUT, check=False)
            good, note = done.returncode == 0, (done.stderr + done.stdout).strip().rpartition("\n")[2]
        except (OSError, subprocess.TimeoutExpired) as error:
            good, note = False, str(error)
    cure = "install the pyslurm of this Slurm, or set slurm.submission to sbatch."
    return finding("pyslurm", good, needed and settings.submission == "pyslurm", note.removeprefix("ready, "), cure)
