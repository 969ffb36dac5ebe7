"""What the library of credentials does, with stand-ins for the tools of Kerberos and VOMS."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

import reana_batch.templates
from reana_batch import credentials
from reana_batch.diagnostics import Refused
from reana_batch.ir import CredentialPlan, Workflow
from reana_batch.secrets import ENV, FILE, Secret, Store
from reana_batch.sites import CredentialSettings, Site

LIBRARY = Path(reana_batch.templates.__file__).parent / "credentials/credentials-lib.sh"

# Each notes its call, and says that its credential lives as many seconds as stand in the file of that name.
TOOLS = {
    "klist": 'at() { date "+%m/%d/%Y %T" -d "+$1 sec"; }; printf "Ticket cache: FILE:%s\\n" "$PWD/ticket"\n'
    'printf "%s  %s  krbtgt/SITE\\n" "$(at 0)" "$(at "$(<left)")"\n'
    '[[ ! -e renewable ]] || printf "\\trenew until %s\\n" "$(at "$(<renewable)")"',
    "voms-proxy-info": "cat proxy",
    "voms-proxy-init": 'while [[ $1 != --out ]]; do shift; done; : >"$2"',
    "kinit": "exit 1",
}


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tools, which come first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in TOOLS.items():
        (folder / name).write_text(f'#!/bin/bash\necho "${{0##*/}}" >>calls\n{script}\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return folder


def bash(script: str, **facts: str) -> str:
    """Return what a script prints that has read the library, in a job with these facts."""
    given = {"secrets": "none", "kerberos": "", "voms_proxy": "", "rucio": "", "life_needed": "0"} | facts
    text = "\n".join(["set -u", *(f"{name}={value}" for name, value in given.items()), f". {LIBRARY}", script])
    return subprocess.run(["bash", "-c", text], check=True, capture_output=True, text=True).stdout


def looked() -> int:
    """Return how often a credential was looked at."""
    return len(Path("calls").read_text().split())


@pytest.mark.parametrize(
    ("facts", "lives", "looks_after"),
    [
        pytest.param({"kerberos": "ticket"}, {"left": 9000}, 600, id="at-least-each-ten-minutes"),
        pytest.param({"kerberos": "ticket"}, {"left": 300}, 200, id="ticket"),
        pytest.param({"kerberos": "ticket"}, {"left": 300, "renewable": 9000}, 300, id="ticket-not-renewed"),
        pytest.param({"kerberos": "ticket"}, {"left": 50, "renewable": 120}, 20, id="ticket-renewed-to-its-end"),
        pytest.param({"voms_proxy": "submit"}, {"proxy": 500}, 400, id="proxy"),
        pytest.param({"voms_proxy": "worker"}, {"proxy": 500}, 400, id="proxy-of-its-own"),
        pytest.param({"kerberos": "ticket", "voms_proxy": "file"}, {"left": 300, "proxy": 150}, 50, id="both"),
    ],
)
def test_rows_look_again_only_when_the_answer_may_be_another(
    facts: dict[str, str], lives: dict[str, int], looks_after: int
) -> None:
    for name, seconds in lives.items():
        Path(name).write_text(f"{seconds}\n")
    asked = " ".join(name for name in ("kerberos", "voms_proxy") if name in facts)
    at = "KRB5CCNAME=ticket X509_USER_PROXY=proxy; check_lives || exit; wc -l <calls;"
    again = "; ".join(f"SECONDS={second}; check_lives; wc -l <calls" for second in (1, looks_after - 5, looks_after))
    counts = [int(line) for line in bash(at + again, credentials=f"({asked})", life_needed="100", **facts).split()]
    assert counts == [counts[0]] * 3 + [2 * counts[0]]


def test_a_row_looks_at_a_proxy_that_was_just_made() -> None:
    Path("proxy").write_text("90\n")
    Path("key").mkdir()
    (Path("key") / "userkey.pem").touch()
    facts = {"credentials": "(voms_proxy)", "voms_proxy": "worker", "life_needed": "100", "private": "."}
    script = "private=. X509_USER_PROXY=x509up; new_proxy() { make_proxy key none escape .x509up 200; }; "
    bash(script + "check_lives; check_lives", **facts)
    assert Path("calls").read_text().split().count("voms-proxy-init") == 2


def test_a_ticket_that_cannot_be_renewed_is_tried_again_after_a_while(tools: Path) -> None:
    Path("left").write_text("-5\n")
    Path("krb5cc").touch()
    (tools / "sleep").write_text("#!/bin/bash\nexec /bin/sleep 0.1\n")
    (tools / "sleep").chmod(0o755)
    script = "private=.; renew_credentials & renewer=$!; /bin/sleep 2; kill $renewer; wait"
    bash(script, kerberos="ticket")
    assert Path("calls").read_text().split().count("kinit") == 1


def test_without_a_ticket_nothing_has_to_be_renewed() -> None:
    assert bash("private=none; renew && echo renewed", voms_proxy="worker") == "renewed\n"


@pytest.mark.parametrize(("kind", "file"), [("userpass", "rucio-password"), ("oidc", "rucio-token")])
def test_what_rucio_asks_for_and_was_not_handed_on_is_named(kind: str, file: str) -> None:
    script = 'private=. lacking=; take_rucio; echo "$? $lacking"'
    said = bash(script, rucio=kind, ca_certificates="(/)")
    assert said == f'1 no {file} was handed on; "bash batch/credentials.sh" does it\n'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose jobs need a copy of the user's ticket, and the proxy in her store."""
    store = Store(tmp_path / "store")
    store.add(Secret("VOMSPROXY_FILE", ENV), b"ready")
    store.add(Secret("ready", FILE), b"a proxy")
    plan = CredentialPlan(kerberos="ticket", voms_proxy="file", proxy_needed=(0, 1000, "fit"))
    site = Site(credentials=CredentialSettings(secrets=str(store.directory)))
    (tmp_path / "batch").mkdir()
    for file in credentials.files(Workflow("w", "serial", (), credential_plan=plan), site):
        (tmp_path / file.path).write_text("".join(file.text))
    Path("ticket").write_text("a ticket")
    Path("left").write_text("9000\n")
    return tmp_path


@pytest.mark.parametrize(("proxy", "said"), [(9000, ""), (60, "The VOMS proxy lives 60 s more")])
def test_nothing_that_was_handed_on_stays_behind_even_if_more_was_refused(run: Path, proxy: int, said: str) -> None:
    Path("proxy").write_text(f"{proxy}\n")
    with pytest.raises(Refused, match=said) if said else contextlib.nullcontext():
        credentials.hand_on(run)
    assert len(list(Path("store/runs").glob("*/krb5cc"))) == 1
    credentials.withdraw(run)
    assert list(Path("store/runs").iterdir()) == []
    assert Path("store/file/ready").read_text() == "a proxy"
    credentials.withdraw(run)


def test_nothing_else_is_deleted_wherever_a_run_of_others_leads(run: Path) -> None:
    home = run / "home"
    home.mkdir()
    (run / "credentials").mkdir()
    (run / "credentials/.folder").symlink_to(home)
    credentials.withdraw(run)
    assert home.is_dir()
