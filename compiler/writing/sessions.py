"""The files of a session: its job script, and what its kind of server reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reana_batch.writing.libraries import library
from reana_batch.writing.render import File, for_shell, render

if TYPE_CHECKING:
    from reana_batch.site import Site

# Files in the folder of a session, and those that its job writes there.
TOKEN = "token"  # noqa: S105  # the name of a file
SCRIPT = "job.sh"
RECORD = "record"
LOGS = ("log", "job.log")  # of the server, and of the job
_ENVIRONMENT = "environment"
# Variables that belong to one machine, one login or one job.
_OF_A_MACHINE = ("SLURM_", "SBATCH_", "_CONDOR_", "SSH_", "XDG_", "DBUS_", "KRB5CCNAME", "BASH_FUNC_")
_NAMES = frozenset({"PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME", "DISPLAY", "XAUTHORITY", "TERM", "TMPDIR", "BASH_ENV"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of session. ``templates/session`` has a part with the functions of its name."""

    name: str
    program: str
    pages: dict[str, str]  # what the program is asked for, in the order of preference, and the path of its page
    files: Callable[[str], Iterator[File]]  # yields the files that hold the token


def _jupyter_files(token: str) -> Iterator[File]:
    """Yield the configuration of Jupyter, under the names that its programs read.

    It comes before the user's own, which could turn off the token. Notebook 6 has its own names for all of it.
    """
    old = {"token": token, "password": "", "base_url": "/"}
    server = old | {
        "ip": "127.0.0.1",
        "port_retries": 50,
        "open_browser": False,
        "allow_root": True,
        "allow_remote_access": False,
        "certfile": "",
        "keyfile": "",
    }
    identity = {"token": token, "hashed_password": ""}
    new = {"ServerApp": server, "IdentityProvider": {"token": token}, "PasswordIdentityProvider": identity}
    for name, settings in (
        ("config", new),
        ("server_config", new),
        ("lab_config", new),
        ("notebook_config", {**new, "NotebookApp": old}),
    ):
        yield File(f"config/jupyter_{name}.json", json.dumps(settings, indent=1) + "\n")


KINDS = {
    "jupyter": Kind("jupyter", "jupyter", {"lab": "lab", "notebook": "tree", "server": ""}, _jupyter_files),
}


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a session is to be."""

    kind: Kind
    token: str
    seconds: int  # its time limit
    program: str
    images: tuple[str, ...] = ()  # the places of its image, the best first
    environment: tuple[tuple[str, str], ...] = ()  # variables that its server gets


def session_files(facts: SessionFacts, site: Site) -> Iterator[File]:
    """Yield the files in the folder of a session."""
    yield File(TOKEN, f"{facts.token}\n")
    yield from facts.kind.files(facts.token)
    if facts.environment:
        yield environment_file(facts.environment)
    script = render(
        "session/job.sh.j2",
        "sh",
        kind=facts.kind.name,
        program=facts.program,
        pages=list(facts.kind.pages),
        images=facts.images,
        binds=site.binds,
        container_home=site.container_home,
        seconds=facts.seconds,
    )
    yield File(SCRIPT, script)


def session_library() -> File:
    """Return the bash library of sessions, a file of the run."""
    return library("session-lib.sh")


def environment_file(variables: Iterable[tuple[str, str]]) -> File:
    """Return the bash file that sets variables in a job."""
    return File(_ENVIRONMENT, "".join(f"export {name}={for_shell(value)}\n" for name, value in variables))


def kept_environment(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables of a login that a session on a worker gets too."""
    names = (name for name in sorted(variables) if name.isidentifier() and name not in _NAMES)
    return tuple((name, variables[name]) for name in names if not name.startswith(_OF_A_MACHINE))
