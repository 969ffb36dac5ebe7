"""The bash text around a job: what Snakemake does before and after a job, and how it runs one."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reana_batch import layout
from reana_batch.frontends.snakemake.records import JobRecord

# A path has at most 4096 bytes. A program takes at least 128 KiB of arguments (Linux: 2 MB).
_MOST_WORDS = 30


def before(job: JobRecord) -> str:
    """Return commands that make the folders of the job's outputs and remove its earlier outputs."""
    folders = dict.fromkeys(filter(None, map(os.path.dirname, (*job.outputs, *job.logs))))
    kept = {path for path, flags in zip(job.outputs, job.flags, strict=True) if "update" in flags.split(",")}
    folder = {path for path, flags in zip(job.outputs, job.flags, strict=True) if "directory" in flags.split(",")}
    lines = []
    if folders:
        lines.append(f'for each in {_words(folders)}; do [[ -d $each ]] || mkdir -p -- "$each" || return; done')
    for paths, option in ((folder, "-rf"), ({*job.outputs, *job.logs} - folder - kept, "-f")):
        old = [path for path in (*job.outputs, *job.logs) if path in paths]
        if old:
            lines.append(
                f'for each in {_words(old)}; do [[ ! -e $each && ! -L $each ]] || rm {option} -- "$each" || return; done'
            )
    return "".join(f"{line}\n" for line in lines)


def after(job: JobRecord) -> str:
    """Return commands that touch and protect the job's outputs, and make missing logs."""
    lines = []
    if job.logs:
        lines.append(f'for each in {_words(job.logs)}; do [[ -e $each ]] || : >"$each" || return; done')
    for path, flags in zip(job.outputs, job.flags, strict=True):
        word = shlex.quote(path)
        if "touch" in flags.split(","):
            stamp = f"{path}/.snakemake_timestamp" if "directory" in flags.split(",") else path
            folder = shlex.quote(os.path.dirname(stamp) or ".")
            lines.append(
                f"[[ -e {word} ]] && touch -- {word} || {{ mkdir -p -- {folder} && touch -- {shlex.quote(stamp)}; }}"
            )
        if "protected" in flags.split(","):
            lines.append(f"[[ ! -e {word} ]] || chmod -R a-w -- {word}")
    return "".join(f"{line} || return\n" for line in lines)


def by_attempt(commands: Sequence[str]) -> str:
    """Return a command that runs the command of the attempt. Further attempts run the last one."""
    *first, last = (f"eval {shlex.quote(command)}" for command in commands)
    cases = "".join(f"{number}) {command} ;;\n" for number, command in enumerate(first, 1))
    return f"case $REANA_BATCH_ATTEMPT in\n{cases}*) {last} ;;\nesac\n"


def remove(paths: Sequence[str]) -> str:
    """Return commands that remove these files and folders. Each command line has a limited length."""
    parts = (paths[start : start + _MOST_WORDS] for start in range(0, len(paths), _MOST_WORDS))
    return "".join(f"rm -rf -- {_words(part)} || exit\n" for part in parts)


def _words(paths: Iterable[str]) -> str:
    return " ".join(map(shlex.quote, paths))


def relative(text: str, root: str, workdir: str) -> str:
    """Return a command with paths below ``root`` made relative to the folder where it works."""
    up = "/".join(".." for _ in filter(None, workdir.split("/"))) or "."
    if workdir:
        text = text.replace(f"{root}/{workdir}/", "")
    return text.replace(f"{root}/", "" if up == "." else f"{up}/").replace(root, up)


def within(workdir: str, text: str) -> str:
    """Return the command with a change to this folder of the workspace before it."""
    return f"cd -- {shlex.quote(workdir)} || exit\n{text}" if workdir else text


def worker(job: JobRecord, snakefile: str, root: str, options: Sequence[str]) -> str:
    """Return the words with which Snakemake on the worker runs this job and no other.

    The words of ``options`` are quoted already. The workflow was read in ``root``: on the worker, paths below it
    are below the workspace.
    """
    words = [
        "-m", "snakemake", "--snakefile", snakefile,
        "--target-jobs", *job.targets,
        "--allowed-rules", *job.rules,
        "--cores", "all" if job.grouped else str(job.threads),
        "--force", "--target-files-omit-workdir-adjustment", "--max-inventory-time", "0",
        "--retries", "0", "--nocolor", "--no-hooks", "--nolock", "--ignore-incomplete",
        "--rerun-triggers", "mtime", "--latency-wait", "5", "--notemp", "--quiet", "progress", "rules", "host", "reason",
        "--shared-fs-usage", "input-output", "persistence", "software-deployment", "source-cache", "sources",
        *(() if job.storage else ("storage-local-copies",)), "--mode", "remote",
    ]  # fmt: skip  # an option and its values belong together
    if job.grouped:
        words += ["--local-groupid", "reana-batch"]
    else:
        words.append("--force-use-threads")
    # Each job downloads what it needs, and has copies of its own.
    storage = '--local-storage-prefix "$storage" ' if job.storage else ""
    return f'{" ".join([*(_in_workspace(word, root) for word in words), *options])} {storage}--attempt "$REANA_BATCH_ATTEMPT"'


def _in_workspace(word: str, root: str) -> str:
    """Return the word for bash, with the workspace's path on the worker. The path is that of Python's getcwd()."""
    return '"$(pwd -P)"'.join(shlex.quote(part) if part else "" for part in word.split(root)) or "''"


# Makes the folder for a job's copies of files in a storage. It is removed when the job ends.
STORAGE = (
    'mkdir -p .snakemake/storage && storage=$(mktemp -d -p "$PWD/.snakemake/storage") || exit\n'
    """trap 'rm -rf "$config" "$storage"' EXIT\n"""
)


# Chooses the program that writes the report. It finds the run from the path of the script.
_REPORTER = (
    "reporter=reana_batch.frontends.snakemake.runtimes\n"
    f'export REANA_BATCH_RUN="${{0%/{layout.BATCH}/steps/*}}"\n'
    '"$REANA_BATCH_PYTHON" -c "import $reporter" 2>/dev/null || reporter=snakemake\n'
)


def report(name: str, snakefile: str, config: Mapping[str, Any]) -> str:
    """Return the command with which Snakemake writes its report on the finished workflow.

    A Python that has no reana-batch runs Snakemake alone, whose report then has no runtimes.
    """
    words = ["--snakefile", snakefile, "--report", name, "--nolock", "--quiet", "all"]
    head, tail = with_config(config, _REPORTER)
    return f'{head}-m "$reporter" {shlex.join(words)}{tail}'


def with_config(config: Mapping[str, Any], preparation: str = "") -> tuple[str, str]:
    """Return the text before and after the words of a call of Snakemake. The config is that of the compilation."""
    text = shlex.quote(json.dumps(config, ensure_ascii=False))
    head = (
        "config=$(mktemp) || exit\n"
        "trap 'rm -f \"$config\"' EXIT\n"
        f'printf %s {text} >"$config" || exit\n'
        f"{preparation}"
        '"$REANA_BATCH_PYTHON" '
    )
    return head, ' --configfile "$config"\n'
