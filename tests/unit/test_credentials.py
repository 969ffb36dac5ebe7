"""The library of credentials, with stand-ins for the tools of Kerberos and VOMS."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from reana_batch.diagnostics import Place, Refused
from reana_batch.facts import ENV, FILE, Secret
from reana_batch.ir import CredentialPlan, Workflow
from reana_batch.run import credentials
from reana_batch.secrets import Store
from reana_batch.site import CredentialSettings, Site
from reana_batch.writing import credential_files
from tests import bash_lines
from tests.bash import TEMPLATES, Bash, Value
from tests.steps import make_step

# Each notes its call, and reports that its credential is valid for the seconds in the file of its own name.
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
    """A folder with the tools, which come first in the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in TOOLS.items():
        (folder / name).write_text(f'#!/bin/bash\necho "${{0##*/}}" >>calls\n{script}\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name, value in bash_lines.traced().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return folder


def job(bash: Bash, script: str, **facts: Value) -> str:
    """Return what a script prints in a job with these facts."""
    given = {"secrets": "none", "kerberos": "", "voms_proxy": "", "rucio": "", "life_needed": "0"} | facts
    ended = bash.run(script, part="credentials/job", facts=given)
    assert ended.code == 0, ended.stderr
    return ended.stdout


def looked() -> int:
    """Return how often a tool looked at a credential."""
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
    facts: dict[str, str], lives: dict[str, int], looks_after: int, bash: Bash
) -> None:
    for name, seconds in lives.items():
        Path(name).write_text(f"{seconds}\n")
    asked = [name for name in ("kerberos", "voms_proxy") if name in facts]
    at = "KRB5CCNAME=ticket X509_USER_PROXY=proxy SECONDS=0; check_validity || exit; wc -l <calls;"
    again = "; ".join(f"SECONDS={second}; check_validity; wc -l <calls" for second in (1, looks_after - 5, looks_after))
    counts = [int(line) for line in job(bash, at + again, credentials=asked, life_needed="100", **facts).split()]
    assert counts == [counts[0]] * 3 + [2 * counts[0]]


def test_a_row_looks_at_a_proxy_that_was_just_made(bash: Bash) -> None:
    Path("proxy").write_text("90\n")
    Path("key").mkdir()
    (Path("key") / "userkey.pem").touch()
    facts: dict[str, Value] = {
        "credentials": ["voms_proxy"],
        "voms_proxy": "worker",
        "life_needed": "100",
        "private": ".",
    }
    script = "private=. X509_USER_PROXY=x509up; new_proxy() { make_proxy key none escape .x509up 200; }; "
    job(bash, script + "check_validity; check_validity", **facts)
    assert Path("calls").read_text().split().count("voms-proxy-init") == 2


def test_a_ticket_that_cannot_be_renewed_is_tried_again_after_a_while(bash: Bash, tools: Path) -> None:
    Path("left").write_text("-5\n")
    Path("krb5cc").touch()
    (tools / "sleep").write_text("#!/bin/bash\nexec /bin/sleep 0.1\n")
    (tools / "sleep").chmod(0o755)
    script = "private=.; renew_credentials & renewer=$!; /bin/sleep 2; kill $renewer; wait"
    job(bash, script, credentials=["kerberos"], kerberos="ticket")
    assert Path("calls").read_text().split().count("kinit") == 1


def test_without_a_ticket_nothing_has_to_be_renewed(bash: Bash) -> None:
    facts: dict[str, Value] = {"credentials": ["kerberos", "voms_proxy"], "kerberos": "forward", "voms_proxy": "worker"}
    assert job(bash, "private=none; of_each renew && echo renewed", **facts) == "renewed\n"


@pytest.mark.parametrize(("kind", "file"), [("userpass", "rucio-password"), ("oidc", "rucio-token")])
def test_a_credential_that_rucio_needs_and_was_not_issued_is_named(bash: Bash, kind: str, file: str) -> None:
    script = 'private=. lacking=; take_rucio; echo "$? $lacking"'
    said = job(bash, script, rucio=kind, ca_certificates=["/"])
    assert said == f'1 no {file} was issued; run "bash batch/credentials.sh"\n'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose jobs need a copy of the user's ticket, and the proxy in her store."""
    store = Store(tmp_path / "store")
    store.add(Secret("VOMSPROXY_FILE", ENV), b"ready")
    store.add(Secret("ready", FILE), b"a proxy")
    plan = CredentialPlan({"kerberos": "ticket", "voms_proxy": "file"}, {"voms_proxy": (0, 1000, "fit")})
    site = Site(credentials=CredentialSettings(secrets=str(store.directory)))
    (tmp_path / "batch").mkdir()
    for file in credential_files.files(Workflow("w", "serial", (), credential_plan=plan), site):
        (tmp_path / file.path).write_text("".join(file.text))
    Path("ticket").write_text("a ticket")
    Path("left").write_text("9000\n")
    return tmp_path


@pytest.mark.parametrize(("proxy", "said"), [(9000, ""), (60, "The VOMS proxy expires in 60 s")])
def test_issued_credentials_are_removed_even_if_others_were_refused(run: Path, proxy: int, said: str) -> None:
    Path("proxy").write_text(f"{proxy}\n")
    with pytest.raises(Refused, match=said) if said else contextlib.nullcontext():
        credentials.issue(run)
    assert len(list(Path("store/runs").glob("**/*krb5cc"))) == (0 if said else 1)
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


# --- links in the way -----------------------------------------------------------------------------


def files_of(workspace: Path, **sources: str) -> None:
    """Write the files of a run whose credentials follow this plan, and a store with all secrets, below the folder."""
    store = Store(workspace / "store")
    values = {"VONAME": "escape", "VOMSPROXY_PASS": "cGFzcw==", "VOMSPROXY_FILE": "ready", "CERN_USER": "alice"}
    values |= {"CERN_KEYTAB": "keytab", "RUCIO_USERNAME": "alice", "RUCIO_PASSWORD": "word", "RUCIO_TOKEN": "token"}
    for name, value in values.items():
        store.add(Secret(name, ENV), value.encode())
    for name in ("ready", "keytab", "userkey.pem", "usercert.pem"):
        store.add(Secret(name, FILE), f"the {name}".encode())
    site = Site(credentials=CredentialSettings(secrets=str(store.directory)))
    (workspace / "batch").mkdir()
    made = Workflow("w", "serial", (), credential_plan=CredentialPlan(sources, {"voms_proxy": (0, 1000, "fit")}))
    for file in credential_files.files(made, site):
        (workspace / file.path).write_text("".join(file.text))
    Path("ticket").write_text("a ticket")
    Path("left").write_text("9000\n")
    Path("proxy").write_text("9000\n")


def secrets_of(workspace: Path) -> dict[str, bytes]:
    """Return the content of every secret by its path in the store."""
    found = [path for kind in (ENV, FILE) for path in (workspace / "store" / kind).iterdir()]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in found}


PLANS: dict[str, dict[str, str]] = {
    "keytab-and-userpass": {"kerberos": "keytab", "rucio": "userpass"},
    "ticket-and-oidc": {"kerberos": "ticket", "rucio": "oidc"},
    "worker-and-x509": {"voms_proxy": "worker", "rucio": "x509"},
    "submit": {"voms_proxy": "submit"},
    "file": {"voms_proxy": "file"},
}


@pytest.mark.parametrize("name", PLANS)
def test_secrets_are_never_written_however_often_credentials_are_prepared(
    tmp_path: Path, tools: Path, name: str
) -> None:
    for tool in ("kinit", "voms-proxy-init"):  # both write their output to the file of the option
        script = '#!/bin/bash\nwhile [[ $1 != --out && $1 != -c ]]; do shift; done; echo made >"${2#FILE:}"\n'
        (tools / tool).write_text(script)
    files_of(tmp_path, **PLANS[name])
    before = secrets_of(tmp_path)
    listed: list[list[str]] = []
    for _ in range(3):  # as each `resume` does
        credentials.issue(tmp_path)
        assert secrets_of(tmp_path) == before
        listed.append(sorted(path.name for path in (tmp_path / "credentials").iterdir()))
    assert listed == [listed[0]] * 3
    [folder] = (tmp_path / "store/runs").iterdir()
    assert [".folder", *sorted(path.name for path in folder.iterdir())] == listed[0]
    assert all((tmp_path / "credentials" / made).is_file() for made in listed[0][1:])


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_written_through_a_link_that_is_in_the_way(tmp_path: Path, tools: Path, name: str) -> None:
    (tools / "kinit").write_text("#!/bin/bash\n")
    files_of(tmp_path, **PLANS[name])
    credentials.issue(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "folder").mkdir()
    [kept] = (tmp_path / "store/runs").iterdir()
    for index, path in enumerate(sorted([*kept.iterdir(), *(tmp_path / "credentials").glob("[!.]*")])):
        path.unlink()
        path.symlink_to(tmp_path / "folder" if index % 2 else victim)
    (kept / ".names").symlink_to(victim)
    credentials.issue(tmp_path)
    assert victim.read_text() == "precious"
    assert list((tmp_path / "folder").iterdir()) == []
    assert (tmp_path / "credentials/names").read_text() == (kept / "names").read_text()


SSL = "../crypto/pem/pem_lib.c:496:error:04800065:PEM routines::bad decrypt"
SAID = {
    # output of voms-proxy-init, in the forms of OpenSSL 3 and 1.1: the message of the program
    f"{SSL}\nsslutils.c:3140:error:400003F5:lib(128)::processing key\n        File=userkey.pem": (
        "the passphrase of userkey.pem is wrong"
    ),
    "140735:error:0906A068:PEM routines:PEM_do_header:bad password read:pem_lib.c:457:": (
        "the passphrase of userkey.pem is wrong"
    ),
    "sslutils.c:3220:error:4000040A:lib(128)::user key and certificate don't match": (
        "userkey.pem does not belong to usercert.pem"
    ),
    "sslutils.c:2948:error:40000420:lib(128)::no certificate in file\n        File=usercert.pem": (
        "usercert.pem does not hold a certificate"
    ),
    "sslutils.c:3140:error:400003F5:lib(128)::processing key\n        File=g.pem": (
        "userkey.pem does not hold a readable key"
    ),
    "\nError: Error during SSL handshake:../crypto/objects/obj_dat.c:790:error:04000066:object identifier routines::oid"
    " exists\n\n\nNone of the contacted servers were capable.": "Error: Error during SSL handshake",
    "Credentials couldn't be loaded [usercert.pem]\n": "Credentials couldn't be loaded [usercert.pem]",
    "x.c:1:error:0200100D:system library::Permission denied": (
        "x.c:1:error:0200100D:system library::Permission denied"
    ),
}


@pytest.mark.parametrize("printed", SAID, ids=range(len(SAID)))
def test_what_voms_says_is_told_without_the_noise_of_openssl(bash: Bash, printed: str) -> None:
    assert job(bash, f'all={shlex.quote(printed)}; say_plainly; echo "$message"') == f"{SAID[printed]}\n"


ODD = ("MY-VAR=secret\ntext", "1=one", "POSIXLY_CORRECT=1", "BASH_FUNC_old()=() {  :\n}")
PLAIN = ("A='two\nlines' $HOME", "BASH_FUNC_f%%=() {  echo ran\n}")


@pytest.mark.parametrize("python", [True, False], ids=["python3", "no python3"])
def test_a_kept_environment_is_whole_or_what_is_left_out_is_named(python: bool, tools: Path) -> None:
    Path("credentials").mkdir()
    Path("credentials/environment").write_text("\0".join((*ODD, "PPID=1", "PWD=/nowhere", *PLAIN, "")))
    for tool in ("bash", "cat", *(("python3",) if python else ())):
        tools.joinpath(tool).symlink_to(shutil.which(tool) or tool)
    job = "f || exit; [[ $PWD != /nowhere ]] || exit; cat /proc/self/environ"
    words = ["bash", str(TEMPLATES / "htcondor/environment.sh"), "-c", job]
    told = subprocess.run(
        words, env={"PATH": str(tools), "HOSTNAME": "worker", **bash_lines.traced()}, check=True, capture_output=True
    )
    found = set(told.stdout.decode().removeprefix("ran\n").split("\0"))
    assert found >= {*PLAIN, *(ODD if python else ())}
    names = "MY-VAR 1 POSIXLY_CORRECT BASH_FUNC_old()"
    said = "" if python else f"reana-batch: not set, because there is no python3 on worker: {names}\n"
    assert told.stderr.decode() == said


# --- in a job -------------------------------------------------------------------------------------

JOB: dict[str, Value] = {"binds": [], "step": "fit", "speaker": "fit", "lacking": ""}
NAMES = "principal=alice@SITE\nvo=escape\naccount=alice\nrucio_host=r\nauth_host=a\npolicy=escape\n"
CONFIG = "@RUCIO_HOST@ @AUTH_HOST@ @ACCOUNT@ @POLICY@ @CA_CERTIFICATES@ @PASSWORD@"
# The command of a job, which shows its credentials. The copies are deleted when it ends.
USE = 'prepare_credentials; echo "$?:$lacking"; (cd "$private" && ls -A | sort | paste -sd " "); {}; drop_credentials; ls -A "$TMPDIR"'


@pytest.fixture
def issued(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with every credential, on a worker whose tools create what the options name."""
    (tmp_path / "credentials").mkdir()
    for name in ("krb5cc", "keytab", "x509up", "usercert.pem", "userkey.pem", "rucio-password", "rucio-token"):
        (tmp_path / "credentials" / name).write_text(f"the {name}\n")
    (tmp_path / "credentials/names").write_text(NAMES)
    (tmp_path / "credentials/passphrase").write_text("cGFzcw==")
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch/rucio.cfg").write_text(CONFIG)
    for tool in ("kinit", "voms-proxy-init"):  # both write their output to the file of the option
        script = '#!/bin/bash\nwhile [[ $1 != --out && $1 != -c ]]; do shift; done; echo made >"${2#FILE:}"\n'
        (tools / tool).write_text(script)
    for name in ("left", "proxy"):
        (tmp_path / name).write_text("9000\n")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path


def used(bash: Bash, show: str, credential: str, **facts: Value) -> list[str]:
    """Return the output of a job that asks for one credential."""
    given: dict[str, Value] = {"secrets": "none", "kerberos": "", "voms_proxy": "", "rucio": "", "life_needed": "60"}
    given |= {"ca_certificates": ["/"], "credentials": [credential]} | JOB | facts
    environment = {"TMPDIR": str(bash.directory / "tmp"), "KRB5CCNAME": "FILE:/given/krb5cc"}
    ended = bash.run(USE.format(show), part="credentials/job", facts=given, environment=environment)
    assert ended.stdout, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("credential", "facts", "show", "copies", "shown"),
    [
        ("kerberos", {"kerberos": "keytab"}, 'cat "${KRB5CCNAME#FILE:}"', "krb5cc", "made"),
        ("kerberos", {"kerberos": "ticket"}, 'cat "${KRB5CCNAME#FILE:}"', "krb5cc", "the krb5cc"),
        ("kerberos", {"kerberos": "forward"}, 'echo "$KRB5CCNAME ${binds[-1]}"', "", "FILE:/given/krb5cc /given"),
        ("voms_proxy", {"voms_proxy": "worker"}, 'cat "$X509_USER_PROXY"', "x509up", "made"),
        ("voms_proxy", {"voms_proxy": "submit"}, 'cat "$X509_USER_PROXY"', "x509up", "the x509up"),
        ("rucio", {"rucio": "userpass"}, 'cat "$RUCIO_CONFIG"', "rucio-password rucio.cfg", "r a alice escape / the rucio-password"),
        ("rucio", {"rucio": "oidc"}, 'cat "$RUCIO_CONFIG"', "rucio-token rucio.cfg", "r a alice escape / "),
        ("rucio", {"rucio": "x509"}, 'cat "$RUCIO_CONFIG"', "rucio.cfg usercert.pem userkey.pem", "r a alice escape / "),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("issued")
def test_a_job_has_copies_of_its_own(
    bash: Bash, credential: str, facts: dict[str, Value], show: str, copies: str, shown: str
) -> None:
    assert used(bash, show, credential, **facts) == ["0:", copies, shown]


def test_what_a_job_lacks_is_said_again_for_each_row(issued: Path, bash: Bash) -> None:
    (issued / "credentials/krb5cc").unlink()
    lacks = 'no krb5cc was issued; run "bash batch/credentials.sh"'
    again = 'lacking=; prepare_credentials; echo "$?:$lacking"'
    assert used(bash, again, "kerberos", kerberos="ticket") == [f"95:{lacks}", "", f"95:{lacks}"]


@pytest.mark.parametrize(
    ("tool", "credential", "facts", "lacks"),
    [
        ("kinit", "kerberos", {"kerberos": "keytab"}, "no Kerberos ticket: key table is empty"),
        ("klist", "kerberos", {"kerberos": "forward"}, "HTCondor sent no Kerberos ticket"),
        ("voms-proxy-init", "voms_proxy", {"voms_proxy": "worker"}, "no VOMS proxy: key table is empty"),
    ],
)
@pytest.mark.usefixtures("issued")
def test_a_credential_that_cannot_be_had_is_named(
    tools: Path, bash: Bash, tool: str, credential: str, facts: dict[str, Value], lacks: str
) -> None:
    (tools / tool).write_text("#!/bin/bash\necho 'key table is empty' >&2\nexit 1\n")
    assert used(bash, ":", credential, **facts)[0] == f"95:{lacks}"


@pytest.mark.parametrize(
    ("name", "seconds", "needed", "lacks"),
    [
        ("proxy", 60, "7200", "the VOMS proxy expires in 60 s, and the job may take 2 h"),
        ("proxy", 600, "1000", "the VOMS proxy expires in 10 min, and the job may take 16 min"),
        ("proxy", 0, "0", "the VOMS proxy has expired"),
        ("left", -1, "0", "the Kerberos ticket has expired"),
    ],
)
def test_a_credential_must_outlive_the_next_row(
    issued: Path, bash: Bash, name: str, seconds: int, needed: str, lacks: str
) -> None:
    (issued / name).write_text(f"{seconds}\n")
    facts: dict[str, Value] = {"voms_proxy": "submit"} if name == "proxy" else {"kerberos": "ticket"}
    assert used(bash, ":", next(iter(facts)), life_needed=needed, **facts)[0] == f"95:{lacks}"


@pytest.mark.usefixtures("issued")
def test_the_life_of_a_proxy_is_also_read_by_openssl(tools: Path, bash: Bash) -> None:
    path = f"{tools}:/usr/bin:/bin"
    (tools / "voms-proxy-info").unlink()
    (tools / "openssl").write_text('#!/bin/bash\ndate -u "+notAfter=%b %e %T %Y GMT" -d "+500 sec"\n')
    (tools / "openssl").chmod(0o755)
    assert shutil.which("voms-proxy-info", path=path) is None
    left = bash("proxy_left", "x509up", asked=["left"], environment={"PATH": path})["left"]
    assert 490 <= int(str(left)) <= 500


def test_a_ticket_that_only_htcondor_brings_is_not_issued(bash: Bash) -> None:
    assert bash("issue_forward").code == 0


def test_files_of_a_step_where_htcondor_transfers_them() -> None:
    plan = CredentialPlan(sources={"kerberos": "keytab", "rucio": "userpass"})
    step = make_step("fit", (), Place("reana.yaml", 1))
    assert credential_files.shipped(step, plan) == []
    assert credential_files.shipped(step.with_placed(credentials=frozenset({"rucio"})), plan) == [
        *("batch/credentials.sh", "batch/credentials-lib.sh", "credentials/names"),
        *("batch/rucio.cfg", "credentials/rucio-password"),
    ]
