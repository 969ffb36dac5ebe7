"""Give the Rucio server its account, scopes and storage. Run by rucio.sh with the client's Python; repeatable."""

# mypy: ignore-errors
# rucio is installed in the box only
from __future__ import annotations

from contextlib import suppress

from rucio.client import Client
from rucio.common.exception import Duplicate

EVERYTHING = {"read": 1, "write": 1, "delete": 1}
DOMAINS = {"lan": EVERYTHING, "wan": {**EVERYTHING, "third_party_copy_read": 1, "third_party_copy_write": 1}}
STORAGE = {
    "SITE-POSIX": {
        "scheme": "file",
        "hostname": "localhost",
        "port": 0,
        "prefix": "/srv/rucio/posix/",
        "impl": "rucio.rse.protocols.posix.Default",
        "domains": DOMAINS,
    },
    "SITE-XRD": {
        "scheme": "root",
        "hostname": "xrd.site.test",
        "port": 1095,
        "prefix": "//rucio/",
        "impl": "rucio.rse.protocols.xrootd.Default",
        "domains": DOMAINS,
    },
}
IDENTITIES = (
    ("alice", "USERPASS", {"password": "rucio-secret"}),
    ("/DC=test/DC=site/CN=alice", "X509", {}),
    ("alice@SITE.TEST", "GSS", {}),
)


def main() -> None:
    client = Client()
    with suppress(Duplicate):
        client.add_account("alice", "USER", "alice@site.test")
    for identity, kind, more in IDENTITIES:
        with suppress(Duplicate):
            client.add_identity(
                account="alice", identity=identity, authtype=kind, email="alice@site.test", default=True, **more
            )
    # Otherwise the generic policy lets her upload only to storage named *USERDISK or *SCRATCHDISK. The value is a string.
    with suppress(Duplicate):
        client.add_account_attribute("alice", "admin", "True")
    for account, scope in (("alice", "user.alice"), ("root", "escape")):
        with suppress(Duplicate):
            client.add_scope(account, scope)
    for name, protocol in STORAGE.items():
        with suppress(Duplicate):
            client.add_rse(name, deterministic=True, volatile=False)
        with suppress(Duplicate):
            client.add_protocol(name, protocol)
        client.set_local_account_limit("alice", name, 10**12)
        client.set_local_account_limit("root", name, 10**13)


main()
