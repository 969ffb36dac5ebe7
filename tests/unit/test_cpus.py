"""How many CPUs a process may use, from control groups that the test writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reana_batch import cpus

GROUPS = {
    # lines of /proc/self/cgroup, files of the hierarchy: CPUs
    "none": ("", {}, 64),
    "no limit": ("0::/user/alice\n", {"user/cpu.max": "max 100000\n"}, 64),
    "version 2": ("0::/user/alice\n", {"user/alice/cpu.max": "250000 100000\n"}, 3),
    "of a group above": ("0::/user/alice\n", {"user/cpu.max": "200000 100000", "user/alice/cpu.max": "max 100000"}, 2),
    "less than one": ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
    "version 1": (
        "4:memory:/x\n3:cpu,cpuacct:/x\n",
        {"cpu/x/cpu.cfs_quota_us": "400000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
        4,
    ),
    "version 1, no limit": (
        "3:cpu,cpuacct:/x\n",
        {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
        64,
    ),
    "of other controllers": ("4:cpuset:/x\n", {"x/cpu.max": "100000 100000"}, 64),
}


@pytest.mark.parametrize("which", GROUPS)
def test_the_quota_of_the_control_group(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, files, expected = GROUPS[which]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    (tmp_path / "cgroup").write_text(lines)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    assert cpus.usable(tmp_path / "cgroup", tmp_path / "fs") == expected


def test_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert cpus.usable() == 1
