"""Quotas of a directory, from programs of the test that are used as the tools of its file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reana_batch.lifecycle import quotas

from .stand_ins import Tools, in_path

AFS = "Volume Name                    Quota       Used %Used   Partition\nuser.alice  {}        51%\n"
EOS = (
    "quota=node uid=99 space=/eos/user/ usedlogicalbytes=9 usedfiles=9 maxlogicalbytes=9 maxfiles=9\n"
    "quota=node uid={} space=/eos/user/ usedlogicalbytes={} usedfiles={} maxlogicalbytes=1099511627776 maxfiles=1000000\n"
)
UNIX = """Disk quotas for user alice (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
{}
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    return in_path(tmp_path, monkeypatch)


def prints(text: str, code: int = 0) -> str:
    return f"cat <<'END'\n{text}\nEND\nexit {code}"


@pytest.mark.parametrize(
    ("row", "state", "note"),
    [
        ("10485760    1048576   10%", "ok", "1.0 of 10.0 GiB"),
        ("10485760   10485760  100%<<", "missing", "10.0 of 10.0 GiB"),
        ("no limit    1048576    0%", "ok", "1.0 of no limit GiB"),
    ],
)
def test_afs(tools: Tools, tmp_path: Path, row: str, state: str, note: str) -> None:
    tools(fs=prints(AFS.format(row)))
    found = quotas.quota(Path("/afs/cern.ch/user/a/alice"))
    assert (found.state, found.note) == (state, note)
    assert (found.cure != "") == (state == "missing")
    assert (tmp_path / "called").read_text() == "fs listquota -path /afs/cern.ch/user/a/alice\n"


@pytest.mark.parametrize(("used", "files", "state"), [(2**30, 5, "ok"), (2**40, 5, "missing"), (5, 999_999, "missing")])
def test_eos(tools: Tools, used: int, files: int, state: str) -> None:
    tools(eos=prints(EOS.format(os.getuid(), used, files)))
    found = quotas.quota(Path("/eos/user/a/alice"))
    assert (found.state, found.note) == (state, f"{used / 2**30:,.1f} of 1,024.0 GiB; {files:,} of 1,000,000 files")


# As mgm/quota/Quota.cc of EOS writes the lines for scripts.
PROJECT = (
    "quota=node uid={} space=/eos/p/ usedbytes=8 usedlogicalbytes=4 usedfiles=2 maxbytes=0 maxlogicalbytes=0 maxfiles=0"
    " percentageusedbytes=0.00 statusbytes=ignored statusfiles=ignored\n"
    "quota=node gid={} space=/eos/p/ usedbytes=2147483648 usedlogicalbytes=1073741824 usedfiles=7"
    " maxbytes=4294967296 maxlogicalbytes=2147483648 maxfiles=0 percentageusedbytes=50.00 statusbytes=ok"
    " statusfiles=ignored\n"
)


@pytest.mark.parametrize(
    ("user", "group", "note"),
    [
        ("{uid}", "project", "1.0 of 2.0 GiB; 7 of no limit files"),
        ("other", "99", "1.0 of 2.0 GiB; 7 of no limit files"),
        ("{uid}", "zp", "0.0 of no limit GiB; 2 of no limit files"),
    ],
)
def test_the_project_quota_of_eos(tools: Tools, user: str, group: str, note: str) -> None:
    tools(eos=prints(PROJECT.format(user.format(uid=os.getuid()), group)))
    found = quotas.quota(Path("/eos/project/p/mine"))
    assert (found.state, found.note) == ("ok", note)


def test_quotas_of_the_nearest_mount_point(tools: Tools, tmp_path: Path) -> None:
    other = "/   1 2 3 0 1 2 3 0"
    tools(quota=prints(UNIX.format(f"{other}\n{tmp_path} 1048576 0 2097152 0 30 0 0 0\n{tmp_path}/x 9 9 9 0 9 9 9 0")))
    found = quotas.quota(tmp_path)
    assert (found.state, found.note) == ("ok", f"1.0 of 2.0 GiB in {tmp_path}; 30 of no limit files in {tmp_path}")
    # The tool fails if a quota is exceeded.
    tools(quota=prints(UNIX.format(f"{tmp_path} 2097152* 1048576 3145728 7days 30 0 0 0"), 1))
    found = quotas.quota(tmp_path)
    assert (found.state, found.note.partition(" GiB")[0]) == ("missing", "2.0 of 1.0")


@pytest.mark.parametrize("says", ["exit 1", "echo 'Disk quotas for user alice (uid 1000): none'", "sleep 60"])
def test_a_tool_that_says_nothing(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    monkeypatch.setattr("reana_batch.findings.TIMEOUT", 1)
    tools(quota=f"exec {says}" if says.startswith("sleep") else says)
    found = quotas.quota(tmp_path)
    none = "quota -w -p -v --show-mntpoint --hide-device shows none for this directory"
    words = "quota did not answer within 1 s" if says.startswith("sleep") else none
    assert (found.state, found.note) == ("unknown", f"not known: {words}")


def test_without_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for path, tool in (("/afs/x", "fs"), ("/eos/x", "eos"), (str(tmp_path), "quota")):
        found = quotas.quota(Path(path))
        assert (found.state, found.note) == ("unknown", f"not known: {tool} is not installed")
