"""The store of secrets: private, complete, and with the names that REANA uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reana_batch.diagnostics import Refused
from reana_batch.facts import ENV, FILE, Secret
from reana_batch.secrets import Store

PASSPHRASE = Secret("VOMSPROXY_PASS", ENV)
KEYTAB = Secret("my.keytab", FILE)


def test_what_is_kept_comes_back_and_is_private(tmp_path: Path) -> None:
    store = Store(tmp_path / "config" / "secrets")
    store.add(PASSPHRASE, b"cGFzcw==\n")
    store.add(KEYTAB, b"\5\2\0")
    assert list(store.secrets()) == [PASSPHRASE, KEYTAB]
    assert store.value(PASSPHRASE.name) == "cGFzcw=="
    assert store.path(KEYTAB).read_bytes() == b"\5\2\0"
    modes = {path.stat().st_mode & 0o777 for path in store.directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (store.directory, *store.directory.glob("*/"))} == {0o700}
    assert store.fault(KEYTAB) == store.fault(PASSPHRASE) == ""


def test_adding_again_replaces(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(PASSPHRASE, b"one")
    store.path(PASSPHRASE).chmod(0o644)
    store.add(PASSPHRASE, b"two")
    assert (store.value(PASSPHRASE.name), store.fault(PASSPHRASE)) == ("two", "")


def test_a_hidden_file_is_a_secret_like_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(Secret(".netrc", FILE), b"x")
    assert list(store.secrets()) == [Secret(".netrc", FILE)]
    assert {path.name for path in tmp_path.iterdir()} == {FILE}


def test_faults(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    assert store.fault(KEYTAB) == "is not there"
    store.add(KEYTAB, b" \n")
    assert store.fault(KEYTAB) == "is empty"
    store.path(KEYTAB).write_bytes(b"x")
    store.path(KEYTAB).chmod(0o640)
    assert store.fault(KEYTAB) == f"can be read by others: {store.path(KEYTAB)} has mode 0640"
    store.path(KEYTAB).chmod(0o600)
    store.directory.chmod(0o750)
    assert store.fault(KEYTAB) == f"is in {store.directory}, which is open to others"


def test_what_is_known_at_once_is_what_is_known_one_by_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    open_one, missing = Secret("open", FILE), Secret("none", FILE)
    for secret, content in {PASSPHRASE: b"cGFzcw==\n", KEYTAB: b" \n", open_one: b"x"}.items():
        store.add(secret, content)
    store.add(Secret("CERN_KEYTAB", ENV), b"k" * 300)
    store.path(open_one).chmod(0o604)
    known = store.known()
    named = Secret("k" * 300, FILE)
    for secret in (PASSPHRASE, KEYTAB, open_one, missing, named):
        assert known.fault(secret) == store.fault(secret)
        assert known.holds(secret) == os.path.lexists(store.path(secret))
    assert (known.value(PASSPHRASE.name), known.value("none"), known.content(KEYTAB)) == ("cGFzcw==", "", b" \n")
    assert "cGFzcw" not in repr(known)


def test_secrets_in_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / ENV).write_text("")
    store = Store(tmp_path)
    assert store.known().fault(PASSPHRASE) == store.fault(PASSPHRASE) == "cannot be read: Not a directory"


def test_a_folder_in_the_place_of_a_secret(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.add(KEYTAB, b"x")
    store.path(KEYTAB).unlink()
    store.path(KEYTAB).mkdir(mode=0o700)
    known = store.known()
    assert known.fault(KEYTAB) == store.fault(KEYTAB) != ""
    assert (known.holds(KEYTAB), known.content(KEYTAB)) == (True, b"")


def test_a_user_without_secrets(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert (list(store.secrets()), store.value("VONAME")) == ([], "")


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="Not a directory"):
        Store(tmp_path / "file").add(KEYTAB, b"x")


def test_a_secret_that_cannot_be_deleted(tmp_path: Path) -> None:
    (tmp_path / FILE / KEYTAB.name).mkdir(parents=True)
    with pytest.raises(Refused, match=f"{KEYTAB.name}: "):
        Store(tmp_path).delete(KEYTAB)


@pytest.fixture
def umask_0() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask_0")
def test_others_have_no_access_whatever_the_umask(tmp_path: Path) -> None:
    store = Store(tmp_path / ".config/reana-batch/secrets")
    store.add(KEYTAB, b"x")
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    base = ".config/reana-batch"
    folders = (".config", base, f"{base}/secrets", f"{base}/secrets/file")
    assert modes == dict.fromkeys(folders, 0o700) | {f"{base}/secrets/file/my.keytab": 0o600}


def test_a_store_that_others_may_replace_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "reana-batch/secrets")
    store.add(KEYTAB, b"x")
    (tmp_path / "reana-batch").chmod(0o777)
    assert store.fault(KEYTAB) == f"is below {tmp_path}/reana-batch, where others can write"
    with pytest.raises(Refused, match="Others can write into") as refused:
        store.add(KEYTAB, b"y")
    assert refused.value.diagnostics.errors[0].hint == f"chmod go-w {tmp_path}/reana-batch"
    assert store.path(KEYTAB).read_bytes() == b"x"
    (tmp_path / "reana-batch").chmod(0o1777)  # like /tmp, where a user cannot rename the files of others
    store.add(KEYTAB, b"y")
    assert store.fault(KEYTAB) == ""


def test_a_store_that_was_open_is_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "secrets")
    (tmp_path / "secrets/env").mkdir(parents=True)
    for folder in ("secrets", "secrets/env"):
        (tmp_path / folder).chmod(0o777)
    store.add(PASSPHRASE, b"x")
    assert store.fault(PASSPHRASE) == ""


def test_a_link_in_the_place_of_a_secret_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "secrets")
    store.add(PASSPHRASE, b"x")
    (tmp_path / "victim").write_text("precious")
    store.path(PASSPHRASE).unlink()
    store.path(PASSPHRASE).symlink_to(tmp_path / "victim")
    store.add(PASSPHRASE, b"y")
    assert (store.value(PASSPHRASE.name), (tmp_path / "victim").read_text()) == ("y", "precious")
