"""Submit jobs for submit-lib.sh with pyslurm: the same options, job environment and ids as with sbatch.

This is a separate process. It needs only the standard library and pyslurm. The reasons are:

* Importing pyslurm ends a process without a slurm.conf, and changes how later libraries are loaded.
* pyslurm holds the GIL while it waits for slurmctld.
* The licence of pyslurm is GPL-2.0-only.

The process prints "ready ..." or the reason why it is not. Then it reads requests: the number of arguments of sbatch,
and the arguments. A NUL ends each. It answers each request with one line: the job id, or Slurm's error.

It only submits. For everything else submit-lib.sh calls Slurm's own tools, because pyslurm

* subtracts 128 from exit codes,
* has no number for element 0 of an array, and cannot name a part of an array,
* loads the jobs of all users,
* does not distinguish a job that is gone from one that never existed,
* crashes on some kinds of hold,
* and cannot remove a dependency.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

# All options in our job scripts and from submit-lib.sh: the name in JobSubmitDescription, and the type of the value.
# Numbers must not be text. A dependency must not be a dictionary, because submit() changes it.
OPTIONS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "account": ("account", str),
    "array": ("array", str),
    "chdir": ("working_directory", str),
    "comment": ("comment", str),
    "cpus-per-task": ("cpus_per_task", int),
    "dependency": ("dependencies", str),
    "export": ("environment", str),
    "hold": ("priority", lambda _: 0),
    "job-name": ("name", str),
    "mem": ("memory_per_node", str),
    "open-mode": ("log_files_open_mode", str),
    "output": ("standard_output", str),
    "partition": ("partitions", str),
    "qos": ("qos", str),
    "requeue": ("is_requeueable", lambda _: True),
    "time": ("time_limit", int),
    "tmp": ("temporary_disk_per_node", str),
}

# pyslurm asks for these by default, and sbatch does not. With these values Slurm decides, and sets no variables for
# them either. NO_VAL is the number that means "not given" in Slurm's API. An iterator is true, even without profiles.
NO_VAL = 0xFFFFFFFE
UNASKED = {"ntasks": NO_VAL, "profile_types": iter(())}

LIMITS = ("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS")

# Variables for mpirun in the job. Those that the caller has set do not change. For other launchers than Slurm none is
# set.
EXTERNAL = "--external-launcher"
PLAIN_LAUNCHERS = ("OMPI_MCA_plm_slurm_args", "PRTE_MCA_plm_slurm_args")
HYDRAS = (
    ("HYDRA_BOOTSTRAP", "HYDRA_LAUNCHER_EXTRA_ARGS"),
    ("I_MPI_HYDRA_BOOTSTRAP", "I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS"),
)


def main() -> None:
    """Serve until the requests end. Exit with 1 if pyslurm does not fit."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)  # all other output goes to stderr, because it is not an answer
    reason, hydra = misfit(), False
    if not reason:
        reason, hydra = ask_site()
    if reason:
        print(reason, file=answers)
        sys.exit(1)
    print(f"ready, pyslurm {importlib.metadata.version('pyslurm')}", file=answers, flush=True)
    for words in requests(sys.stdin.buffer):
        print(submit(words, hydra=hydra), file=answers, flush=True)


def misfit() -> str:
    """Return why pyslurm does not fit the Slurm of this machine. Empty if it fits. Does not import it."""
    try:
        version = importlib.metadata.version("pyslurm")
    except importlib.metadata.PackageNotFoundError:
        return f"pyslurm is not installed for {sys.executable}"
    wanted, slurm = release(version), slurm_version()
    if release(slurm) != wanted:
        return f"pyslurm {version} is for Slurm {wanted}, and the Slurm here is {slurm}"
    if os.environ.get("SLURM_CLUSTERS"):
        return "pyslurm can only submit to the cluster of slurm.conf, and SLURM_CLUSTERS is set"
    return ""


def release(version: str) -> str:
    """Return the first two numbers, which name a release of Slurm."""
    return ".".join(version.split(".")[:2])


def slurm_version() -> str:
    """Return the version of Slurm's tools, or their error. They come with the library that pyslurm loads."""
    try:
        done = subprocess.run(["sbatch", "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    said = (done.stdout or done.stderr).strip().rpartition("\n")[2]
    return said.rpartition(" ")[2] if done.returncode == 0 else said  # "slurm-wlm 25.11.2" with Debian


def ask_site() -> tuple[str, bool]:
    """Return why pyslurm does not fit this site, and whether jobs get the variables of Hydra. Asks slurmctld."""
    import pyslurm

    try:
        config = pyslurm.slurmctld.Config.load()
    except pyslurm.PyslurmError as error:
        return f"slurmctld does not answer pyslurm: {error}", False
    plugins = ",".join(config.cli_filter_plugins)
    reason = f"on this site sbatch does more than pyslurm: CliFilterPlugins={plugins}" if plugins else ""
    return reason, "disable_slurm_hydra_bootstrap" not in config.mpi_parameters


def requests(stream: BinaryIO) -> Iterator[list[str]]:
    """Yield the arguments of each request."""
    words = _words(stream)
    for count in words:
        yield [next(words) for _ in range(int(count))]


def _words(stream: BinaryIO) -> Iterator[str]:
    word = b""
    while byte := stream.read(1):
        if byte != b"\0":
            word += byte
            continue
        yield os.fsdecode(word)
        word = b""


def submit(words: list[str], *, hydra: bool) -> str:
    """Submit one job. Return its id, or Slurm's error in one line."""
    import pyslurm

    try:
        return str(pyslurm.JobSubmitDescription(**description(words, hydra=hydra)).submit())
    except (pyslurm.PyslurmError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        return f"pyslurm: {' '.join(str(error).split()) or type(error).__name__}"


def description(words: list[str], *, hydra: bool) -> dict[str, object]:
    """Return the attributes of JobSubmitDescription for these arguments of sbatch.

    The options in the job script count too. Raises KeyError for an option that is not in the table.
    """
    position = next(place for place, word in enumerate(words) if not word.startswith("--"))
    script, *arguments = words[position:]
    with open(script, encoding="utf-8") as file:
        # as with sbatch, an argument overrides a line of the script
        asked = {**dict(split(directives(file))), **dict(split(words[:position]))}
    values: dict[str, object] = {**UNASKED}
    for name, value in asked.items():
        attribute, convert = OPTIONS[name]
        values[attribute] = convert(value)
    values["min_cpus_per_node"] = values.get("cpus_per_task", 1)
    values["environment"] = environment(asked, hydra=hydra)
    return {**values, "script": os.path.abspath(script), "script_args": arguments}


def directives(lines: Iterable[str]) -> Iterator[str]:
    """Yield the options on the script's ``#SBATCH`` lines. pyslurm itself does not read them."""
    for line in lines:
        found = re.fullmatch(r"#SBATCH (--\S+)\n?", line)
        if found:
            yield found[1]
        elif not line.startswith("#"):
            return


def split(options: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of each ``--name=value``."""
    for option in options:
        name, _, value = option[2:].partition("=")
        yield name, value


def environment(asked: Mapping[str, str], *, hydra: bool) -> dict[str, str]:
    """Return the environment that sbatch would give to the job.

    It has all variables of this process, or with ``--export=NIL`` only Slurm's. It also has umask, niceness and limits,
    because slurmstepd reads them from variables. The default of pyslurm cannot be used: it is empty if Python is not
    position-independent. A text cannot be used either: it would ask for a login environment.
    """
    mask = os.umask(0)
    os.umask(mask)
    inherits = asked["export"] == "ALL"
    kept = {name: value for name, value in os.environ.items() if inherits or name.startswith(("SLURM_", "SPANK_"))}
    made = {f"SLURM_RLIMIT_{name}": limit(getattr(resource, f"RLIMIT_{name}")) for name in LIMITS}
    made |= {
        "SLURM_PRIO_PROCESS": str(os.getpriority(os.PRIO_PROCESS, 0)),
        "SLURM_SUBMIT_DIR": os.getcwd(),
        "SLURM_SUBMIT_HOST": socket.gethostname(),
        "SLURM_UMASK": f"{mask:04o}",
    }
    if not inherits:
        made["SLURM_EXPORT_ENV"] = asked["export"]
    if "cpus-per-task" in asked:
        made["SLURM_CPUS_PER_TASK"] = asked["cpus-per-task"]
        made["SLURM_TRES_PER_TASK"] = f"cpu={asked['cpus-per-task']}"
    return kept | made | launchers(hydra=hydra)


def launchers(*, hydra: bool) -> dict[str, str]:
    """Return the variables that tell mpirun in the job about Slurm."""
    made = dict.fromkeys(PLAIN_LAUNCHERS, EXTERNAL)
    for bootstrap, arguments in HYDRAS if hydra else ():
        if os.environ.get(bootstrap, "slurm") == "slurm":
            made |= {bootstrap: "slurm", arguments: EXTERNAL}
    return {name: value for name, value in made.items() if name not in os.environ}


def limit(number: int) -> str:
    """Return a soft limit as C's unsigned long. A limit that is not set is the largest number."""
    soft, _ = resource.getrlimit(number)
    return str(soft % 2**64)


if __name__ == "__main__":
    main()
