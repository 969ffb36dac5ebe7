"""What a job asks Slurm for, changed in the sbatch script of its step or in the queue."""

from __future__ import annotations

from collections.abc import Mapping

from reana_batch.writing.directives import with_line
from reana_batch.writing.render import for_sbatch, mebibytes

# The options of sbatch, by the names of requests. A number without a unit is in MiB, or in minutes.
_OPTIONS = {
    "memory": "--mem={}M",
    "runtime": "--time={}",
    "slurm.partition": "--partition={}",
    "slurm.account": "--account={}",
    "slurm.qos": "--qos={}",
}
# The same for a queued job, in the words of scontrol.
_FIELDS = {
    "memory": "MinMemoryNode",
    "runtime": "TimeLimit",
    "slurm.partition": "Partition",
    "slurm.account": "Account",
    "slurm.qos": "QOS",
}
SETTINGS = frozenset(name for name in _OPTIONS if "." in name)


def minutes(seconds: int) -> int:
    """Return a time limit in whole minutes, rounded up."""
    return -(-seconds // 60)


def with_requests(script: str, asked: Mapping[str, int | str]) -> str:
    """Return the sbatch script with other requests."""
    for name, value in asked.items():
        line = f"#SBATCH {_OPTIONS[name]}".format(_value(name, value))
        script = with_line(script, line.partition("=")[0] + "=", line, "[^#]")
    return script


def _value(name: str, value: int | str) -> str:
    if name == "memory":
        return str(mebibytes(int(value)))
    return str(minutes(int(value))) if name == "runtime" else for_sbatch(value)


def queued(asked: Mapping[str, int | str]) -> list[str]:
    """Return the words with which scontrol changes a queued job."""
    return [f"{_FIELDS[name]}={_value(name, value)}" for name, value in asked.items()]
