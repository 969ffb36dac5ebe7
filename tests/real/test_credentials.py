"""Tickets, proxies and Rucio in real jobs, with the KDC, VOMS, XRootD and Rucio servers of the box."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.site.box import Box

from .conftest import ENDED, PASSPHRASE, RUCIO, SECRETS, Desk, add_secrets, eventually

pytestmark = [pytest.mark.site("slurm", "condor", "krb5", "voms", "rucio"), pytest.mark.usefixtures("services")]

SITES = ("local", "generic-htcondor", "generic-slurm")
STORE = "/home/alice/.config/reana-batch/secrets"
EXPIRED = "/home/alice/expired"


@pytest.fixture
def services(box: Box) -> Iterator[Box]:
    """The box with alice's secrets and a proxy that is valid for one minute.

    The box makes the proxy when its first test begins, so that the test of an expired one does not wait.
    """
    made = f"[ -e {EXPIRED} ] || echo {PASSPHRASE} | voms-proxy-init --quiet --pwstdin --valid 0:1 --out {EXPIRED}"
    box.alice("sh", "-c", made)
    box.root("sh", "-c", f"rm -rf {STORE} /tmp/reana-batch.*")
    add_secrets(box)
    yield box
    box.root("rm", "-rf", STORE)


def analysis(*steps: dict[str, object]) -> str:
    """Return a reana.yaml of these steps. JSON is valid YAML."""
    made = [{"name": f"step{n}", "environment": "docker.io/library/debian:12", **s} for n, s in enumerate(steps, 1)]
    return json.dumps({"workflow": {"type": "serial", "specification": {"steps": made}}})


def submit(desk: Desk, site: str, *steps: dict[str, object], settings: tuple[str, ...] = (), name: str = "test") -> str:
    """Start a run at ``site`` and return its name. At ``local`` it has ended then."""
    desk.write("reana.yaml", analysis(*steps))
    words = [word for setting in ("container_runtime=none", *settings) for word in ("--set", setting)]
    answer = desk.reana_batch(
        "run", "--runs", "runs", "-w", name, "--site", site, "--json", *words, check=False, timeout=300
    )
    if answer.returncode not in (0, 1):
        raise AssertionError(answer.stdout + answer.stderr)
    record = json.loads(answer.stdout)
    return str(record["name"])


def log(desk: Desk, run: str, step: str, ending: str = "out") -> str:
    return desk.file(f"runs/{run}/logs/{step}/0.{ending}")


def told(desk: Desk, run: str) -> str:
    """Return the output of `logs` for a failed run."""
    answer = desk.reana_batch("logs", "--runs", "runs", "-w", run, check=False)
    return answer.stdout + answer.stderr


KERBEROS = {
    "kerberos": True,
    "commands": [
        "klist -s && echo $$RANDOM > plot.txt && xrdcp -f plot.txt root://xrd.site.test:1094//data/plot.txt"
        " && xrdcp -f root://xrd.site.test:1094//data/plot.txt back.txt && cmp plot.txt back.txt && sleep 3"
    ],
}
GRID = {
    "voms_proxy": True,
    "rucio": True,
    "htcondor_max_runtime": "600",
    "slurm_time": "10",
    "commands": [
        "voms-proxy-info --fqan && xrdfs root://xrd.site.test:1095 ls /rucio > /dev/null && rucio whoami && sleep 3"
    ],
}

# Reads every file below the given paths, and the files of processes in /proc. Prints where a canary is.
SEARCH = """\
import os, sys
from pathlib import Path

canaries = [word.encode() for word in sys.argv[1].split(",")]
lines = Path("/home/alice/.globus/userkey.pem").read_bytes().splitlines()
canaries += [lines[len(lines) // 2], Path("/home/alice/alice.keytab").read_bytes()[-32:]]


def look(path):
    try:
        content = Path(path).read_bytes()
    except OSError:
        return
    if any(canary in content for canary in canaries):
        print(path)


for root in sys.argv[2:]:
    for folder, _, names in os.walk(root):
        for name in names:
            if not os.path.islink(os.path.join(folder, name)):
                look(os.path.join(folder, name))
me = str(os.getpid())
for process in Path("/proc").glob("[0-9]*"):
    if process.name != me:
        look(process / "cmdline")
        look(process / "environ")
"""
CANARIES = f"{PASSPHRASE},{SECRETS['VOMSPROXY_PASS']},{SECRETS['RUCIO_PASSWORD']}"


def where_secrets_are(box: Box, *roots: str) -> str:
    """Return the files and processes that hold a secret, one line each."""
    return box.root("python3", "-", CANARIES, *roots, input=SEARCH).stdout


def where_secrets_show(box: Box, over: Callable[[], bool], *roots: str) -> str:
    """Search again and again until the end, and return all findings."""
    found, end = "", time.monotonic() + 480
    while not over():
        assert time.monotonic() < end, "it does not end"
        found += where_secrets_are(box, *roots)
    return found


def nothing_private_left(box: Box) -> bool:
    # HTCondor gives each job a private /tmp in its execute directory.
    places = ("/tmp", "/var/lib/condor/execute")
    left = box.root("find", *places, "-maxdepth", "5", "-name", "reana-batch.*", check=False)
    return not left.stdout.strip()


# --- what steps find, and what is left after them -------------------------------------------------------------


def test_the_search_finds_secrets_where_they_are(services: Box) -> None:
    kept = ("env/VOMSPROXY_PASS", "env/RUCIO_PASSWORD", "file/userkey.pem", "file/alice.keytab")
    assert {f"{STORE}/{name}" for name in kept} <= set(where_secrets_are(services, STORE).splitlines())


@pytest.mark.parametrize("site", SITES)
def test_steps_find_their_credentials_and_no_secret_shows(site: str, services: Box, desk: Desk) -> None:
    run = submit(desk, site, KERBEROS, GRID)
    folder = f"{desk.folder}/runs/{run}"
    if site != "local":

        def over() -> bool:
            return desk.status(run)["status"] in ENDED

        assert not where_secrets_show(services, over, folder, "/var/log", "/var/spool")
    record = desk.wait(run)
    assert record["status"] == "finished", told(desk, run)
    assert "/escape/Role=NULL" in log(desk, run, "step2")
    assert "account    : alice" in log(desk, run, "step2")
    assert not where_secrets_are(services, folder, "/var/log", "/var/spool", "/var/lib/condor", "/tmp")
    assert nothing_private_left(services)
    handed = services.root("readlink", f"{folder}/credentials/x509up").stdout.strip()
    assert handed.startswith(f"{STORE}/runs/")
    desk.reana_batch("delete", "--runs", "runs", "-w", run)
    assert services.root("ls", "-A", f"{STORE}/runs").stdout == ""


def test_secrets_do_not_show_while_make_runs(services: Box, desk: Desk) -> None:
    desk.write("reana.yaml", analysis(KERBEROS, GRID))
    desk.reana_batch("compile", "-b", "make", "-o", "run")
    desk.box.alice(
        "sh",
        "-c",
        "bash batch/credentials.sh && exec setsid make -f batch/Makefile >make.log 2>&1 &",
        cwd=f"{desk.folder}/run",
    )
    state = desk.path / "run/state"

    def over() -> bool:
        assert not list(state.glob("*/*.failed"))
        return (state / "step2/0.done").exists()

    assert not where_secrets_show(services, over, f"{desk.folder}/run", "/var/log")


def test_htcondor_sends_credentials_along(services: Box, desk: Desk) -> None:
    kerberos = {
        **KERBEROS,
        "commands": ["klist && echo a > a.txt && xrdcp -f a.txt root://xrd.site.test:1094//data/a.txt"],
    }
    run = submit(desk, "generic-htcondor", kerberos, GRID, settings=("htcondor.file_transfer=true",))
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert not where_secrets_are(services, f"{desk.folder}/runs/{run}", "/var/lib/condor", "/tmp")


def test_htcondor_forwards_the_ticket_of_whoever_submits(services: Box, desk: Desk) -> None:
    """Submit with the bindings and with the tools. The jobs need neither keytab nor secrets."""
    services.root("sh", "-c", f"rm -rf {STORE} /var/lib/condor/krb/alice.*")
    desk.write("reana.yaml", analysis(KERBEROS))
    producer = {"_CONDOR_SEC_CREDENTIAL_PRODUCER": "/usr/local/bin/ticket-of-user"}
    settings = ("--set", "container_runtime=none", "--set", "htcondor.send_credential=true")
    run = ("run", "--runs", "runs", "--site", "generic-htcondor", *settings)
    services.alice("kdestroy", "-q", check=False)
    refused = desk.reana_batch(*run, "-w", "refused", env=producer, check=False)
    assert refused.returncode == 3
    assert "error: HTCondor gets no ticket: /usr/local/bin/ticket-of-user says: cat: " in refused.stderr
    services.alice("kinit", "-kt", "/home/alice/alice.keytab", "alice")
    desk.reana_batch(*run, env=producer)
    assert desk.wait("workflow.1")["status"] == "finished", told(desk, "workflow.1")
    desk.reana_batch("compile", "-b", "htcondor", "-o", "run", *settings)
    services.root("sh", "-c", "rm -f /var/lib/condor/krb/alice.*")
    start = "bash batch/credentials.sh && condor_submit_dag batch/workflow.dag"
    services.alice("sh", "-c", start, cwd=f"{desk.folder}/run", env=producer)
    eventually((desk.path / "run/state/step1/0.done").exists, 60)
    services.alice("kdestroy")


def test_containers_see_them(services: Box, desk: Desk) -> None:
    looks = (
        "import os; from pathlib import Path;"
        " files = [os.environ[n].removeprefix('FILE:') for n in ('KRB5CCNAME', 'X509_USER_PROXY', 'RUCIO_CONFIG')];"
        " print([Path(f).stat().st_size > 0 for f in files], os.path.isdir('/etc/grid-security/certificates'),"
        " os.path.exists('/etc/krb5.conf'), os.path.isdir('/etc/vomses'))"
    )
    step = {**GRID, "kerberos": True, "environment": "/opt/images/py", "commands": [f'python3 -c "{looks}"']}
    run = submit(desk, "generic-slurm", step, settings=("container_runtime=apptainer",))
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert log(desk, run, "step1") == "[True, True, True] True True True\n"
    assert nothing_private_left(services)


# --- long jobs ----------------------------------------------------------------------------------------------


@pytest.fixture
def short_tickets(services: Box) -> Iterator[None]:
    """The KDC issues tickets that expire after eight seconds."""
    services.root("kadmin.local", "-q", "modprinc -maxlife 8s alice")
    yield
    services.root("kadmin.local", "-q", "modprinc -maxlife 1day alice")


PATIENT = {
    "kerberos": True,
    "commands": [
        "for i in 1 2 3 4; do xrdfs root://xrd.site.test:1094 stat /data || exit; sleep 6; done;"
        " klist | grep -c krbtgt; xrdfs root://xrd.site.test:1094 stat /data"
    ],
}


@pytest.mark.usefixtures("short_tickets")
def test_a_job_outlives_its_ticket(services: Box, desk: Desk) -> None:
    desk.reana_batch("doctor", check=False)  # doctor only reports the short lifetime
    ran = [submit(desk, site, PATIENT, name=site.rpartition("-")[2]) for site in reversed(SITES)]
    for run in ran:
        assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert nothing_private_left(services)


def test_a_ticket_of_the_user_is_renewed(services: Box, desk: Desk) -> None:
    for name in ("CERN_USER", "CERN_KEYTAB"):
        services.alice("reana-batch", "secrets-delete", name)
    services.alice("kinit", "-l", "20s", "-r", "1h", "-kt", "/home/alice/alice.keytab", "alice")
    run = submit(desk, "generic-slurm", {**PATIENT, "slurm_time": "5"}, settings=("credentials.kerberos=ticket",))
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    services.alice("kdestroy")


@pytest.mark.parametrize("site", SITES)
def test_credentials_are_destroyed_when_a_job_is_ended(site: str, services: Box, desk: Desk) -> None:
    step = {**KERBEROS, "commands": ["sleep 100"]}
    desk.write("reana.yaml", analysis(step))
    words = ["run", "--runs", "runs", "-w", "test", "--site", site, "--set", "container_runtime=none"]
    if site == "local":
        services.alice("sh", "-c", f"exec setsid reana-batch {' '.join(words)} >out 2>&1 &", cwd=desk.folder)
    else:
        desk.reana_batch(*words)
    started = desk.path / "runs/test.1/state/step1/0.started"
    eventually(lambda: started.exists() and not nothing_private_left(services), 60)
    desk.reana_batch("stop", "--runs", "runs", "-w", "test")
    eventually(lambda: nothing_private_left(services), 40)


def test_credentials_are_destroyed_when_a_job_is_killed(services: Box, desk: Desk) -> None:
    desk.write("reana.yaml", analysis({**KERBEROS, "commands": ["sleep 100"]}))
    desk.reana_batch("compile", "-b", "make", "-o", "run")
    start = "bash batch/credentials.sh && exec setsid bash batch/steps/step1/job.sh >/dev/null 2>&1 &"
    services.alice("sh", "-c", start, cwd=f"{desk.folder}/run")
    eventually(lambda: not nothing_private_left(services))
    services.kill("pgrep -o -f '^bash batch/steps/step1/job.sh'")
    eventually(lambda: nothing_private_left(services))
    services.root("pkill", "-f", "^sleep 100", check=False)


# --- other sources ------------------------------------------------------------------------------------------


def test_each_job_makes_its_own_proxy_of_two_organisations(services: Box, desk: Desk) -> None:
    add_secrets(services, VONAME="escape:/escape/Role=production,demo")
    late = GRID | {"rucio": False, "commands": ["voms-proxy-info --fqan && test -e go"]}
    run = submit(desk, "generic-slurm", GRID, late, settings=("credentials.voms_proxy=worker",))
    assert desk.wait(run)["first_failure"]["step"] == "step2", told(desk, run)
    assert log(desk, run, "step1").startswith("/escape/Role=production")
    assert "/demo/Role=NULL" in log(desk, run, "step1")
    # The second preparation finds links to the secrets, and must not change the secrets.
    desk.write(f"runs/{run}/workspace/go", "")
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert services.root("cat", f"{STORE}/env/VOMSPROXY_PASS").stdout == SECRETS["VOMSPROXY_PASS"]
    assert not where_secrets_are(services, f"{desk.folder}/runs/{run}", "/tmp")


def test_a_ready_proxy_is_used(services: Box, desk: Desk) -> None:
    made = "echo alice-pass | voms-proxy-init --quiet --voms demo --pwstdin --out ready && reana-batch secrets-add --file ready"
    services.alice("sh", "-c", made, cwd=desk.folder)
    add_secrets(services, VOMSPROXY_FILE="ready")
    run = submit(desk, "generic-htcondor", {"voms_proxy": True, "commands": ["voms-proxy-info --fqan"]})
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert log(desk, run, "step1").startswith("/demo/Role=NULL")


@pytest.mark.parametrize("kind", ["userpass", "x509", "oidc"])
def test_rucio_by_other_means(kind: str, services: Box, desk: Desk) -> None:
    if kind == "x509":
        bare = "openssl rsa -in ~/.globus/userkey.pem -passin pass:alice-pass -out userkey.pem; reana-batch secrets-add --overwrite --file userkey.pem"
        services.alice("bash", "-c", bare, cwd=desk.folder)
    if kind == "oidc":
        ask = "curl -sf --capath /etc/grid-security/certificates -D - -o /dev/null -H 'X-Rucio-Account: alice' -H 'X-Rucio-Username: alice'"
        ask += f" -H 'X-Rucio-Password: rucio-secret' {RUCIO}/auth/userpass | sed -n 's/^X-Rucio-Auth-Token: //Ip' | tr -d '\\r'"
        add_secrets(services, RUCIO_TOKEN=services.alice("bash", "-c", ask).stdout.strip())
    step = {"rucio": True, "commands": ["test -z $$X509_USER_PROXY && rucio whoami"]}
    services.root("sh", "-c", "rm -rf /tmp/alice/.rucio*")
    run = submit(desk, "generic-slurm", step, settings=(f"credentials.rucio={kind}",))
    assert desk.wait(run)["status"] == "finished", told(desk, run)
    assert "account    : alice" in log(desk, run, "step1")
    assert not where_secrets_are(services, f"{desk.folder}/runs/{run}", "/var/log", "/tmp")


# --- faults -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_kdc(services: Box) -> Iterator[None]:
    services.kill("cat /run/krb5kdc.pid", "TERM")
    yield
    services.up("krb5")


@pytest.mark.usefixtures("no_kdc")
def test_nothing_is_submitted_without_a_kdc(desk: Desk) -> None:
    desk.write("reana.yaml", analysis(KERBEROS))
    words = ["run", "--runs", "runs", "--site", "generic-slurm", "--set", "container_runtime=none"]
    answer = desk.reana_batch(*words, check=False, env={"REANA_BATCH_PATIENCE": "2"})
    assert answer.returncode == 3
    assert "error: No ticket for alice" in answer.stderr
    assert "contact any KDC" in answer.stderr
    assert not desk.slurm_jobs()


@pytest.mark.parametrize("site", SITES)
def test_a_job_without_a_kdc_says_credential(site: str, services: Box, desk: Desk) -> None:
    desk.write("reana.yaml", analysis(KERBEROS))
    backend = site.rpartition("-")[2].replace("local", "make")
    desk.reana_batch("compile", "-b", backend, "--set", "container_runtime=none", "-o", "run")
    desk.box.alice("bash", "batch/credentials.sh", cwd=f"{desk.folder}/run")
    services.kill("cat /run/krb5kdc.pid", "TERM")
    try:
        start = "REANA_BATCH_PATIENCE=2 bash batch/steps/step1/job.sh"
        answer = services.alice("bash", "-c", start, cwd=f"{desk.folder}/run", check=False)
    finally:
        services.up("krb5")
    assert answer.returncode == 95
    assert "no Kerberos ticket: kinit: Cannot contact any KDC" in answer.stderr
    assert "reason=credential" in desk.file("run/state/step1/0.failed")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"VOMSPROXY_PASS": base64.b64encode(b"wrong").decode()}, "the passphrase of userkey.pem is wrong"),
        ({"VONAME": "nosuch"}, "VOMS Server for nosuch not known"),
        ({"VONAME": "escape:/escape/Role=none"}, "escape: Unable to satisfy"),
        ({"CERN_USER": "carol"}, "no suitable keys for carol"),
    ],
    ids=["passphrase", "organisation", "role", "user"],
)
def test_what_is_wrong_is_said_before_submission(values: dict[str, str], said: str, services: Box, desk: Desk) -> None:
    add_secrets(services, **values)
    desk.write("reana.yaml", analysis(KERBEROS, GRID))
    answer = desk.reana_batch(
        "run", "--runs", "runs", "--site", "generic-slurm", "--set", "container_runtime=none", check=False
    )
    assert answer.returncode == 3
    assert said in answer.stderr
    assert not desk.slurm_jobs()


def test_a_proxy_too_short_is_refused_by_how_much(services: Box, desk: Desk) -> None:
    made = "echo alice-pass | voms-proxy-init --quiet --voms escape --pwstdin --valid 0:10 --out ready && reana-batch secrets-add --file ready"
    services.alice("sh", "-c", made, cwd=desk.folder)
    add_secrets(services, VOMSPROXY_FILE="ready")
    desk.write("reana.yaml", analysis({**GRID, "slurm_time": "120"}))
    answer = desk.reana_batch(
        "run", "--runs", "runs", "--site", "generic-slurm", "--set", "container_runtime=none", check=False
    )
    assert answer.returncode == 3
    told = 'The VOMS proxy expires in (9|10) min, but "step1" ends as late as 2 h after submission: 110 min too early'
    assert re.search(told, answer.stderr), answer.stderr  # in its first second, its lifetime is ten minutes


def test_a_proxy_that_expires_in_the_queue(services: Box, desk: Desk) -> None:
    first: dict[str, object] = {"commands": ["while [ ! -e go ]; do sleep 0.5; done"]}
    run = submit(desk, "generic-slurm", first, GRID)
    eventually(lambda: services.alice("voms-proxy-info", "--timeleft", "--file", EXPIRED).stdout.strip() == "0", 70)
    hand_on = f"install -m 600 {EXPIRED} credentials/x509up && touch workspace/go"
    services.alice("sh", "-c", hand_on, cwd=f"{desk.folder}/runs/{run}")
    assert desk.wait(run)["status"] == "failed"
    assert "the VOMS proxy has expired" in told(desk, run)
    assert "exit_code=95" in desk.file(f"runs/{run}/state/step2/0.failed")


def test_secrets_are_private(services: Box) -> None:
    modes = services.root("find", STORE, "-printf", "%m %y\n").stdout.split("\n")
    assert set(modes) == {"700 d", "600 f", ""}
    assert not Path(STORE).exists(), "the store is alice's, in the box"
