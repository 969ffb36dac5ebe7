"""The names and folders of runs: ``NAME.N``, counted up as REANA does."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from reana_batch import files, layout
from reana_batch.diagnostics import closest, refuse

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
# NAME.N, and NAME.N.M for its restarts
_RUN = re.compile(r"(?P<name>[^.]+)\.(?P<major>[0-9]+)(\.(?P<minor>[0-9]+))?")


def default_root() -> Path:
    """Return the directory of all runs: ``REANA_BATCH_RUNS``, or one in the user's data directory."""
    import platformdirs

    given = os.environ.get("REANA_BATCH_RUNS")
    return Path(given) if given else Path(platformdirs.user_data_dir("reana-batch"))


def check_name(name: str) -> None:
    """Raise Refused if a run cannot have this name (the rules of reana-client, and of file names)."""
    if "." in name:
        raise refuse("run-name", f'A workflow name cannot hold ".", as "{name}" does.')
    if _UUID4.fullmatch(name):
        raise refuse("run-name", "A workflow name cannot be a UUIDv4.")
    if not name or "/" in name or not name.isprintable() or name.startswith("-") or len(name) > 100:
        hint = "use up to 100 letters, digits, blanks, - and _."
        raise refuse("run-name", f'A workflow name cannot be "{name[:110]}".', hint=hint)


def new_run(root: Path, name: str) -> Path:
    """Return a new, empty directory ``NAME.N`` below ``root``; two calls at once get two numbers."""
    check_name(name)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((_number(path.name, name) for path in root.iterdir()), default=0)
        while True:
            number += 1
            try:
                (root / f"{name}.{number}").mkdir(mode=0o700)
            except FileExistsError:
                continue
            return root / f"{name}.{number}"
    except OSError as error:
        message = f"No run can be made in {root}: {error.strerror}."
        raise refuse("cannot-write", message, hint="choose another directory with --runs.") from error


def _number(folder: str, name: str) -> int:
    """Return N of ``NAME.N`` and of its restarts ``NAME.N.M``; 0 for anything else."""
    match = _RUN.fullmatch(folder)
    return int(match["major"]) if match and match["name"] == name else 0


def find_run(root: Path, wanted: str) -> Path:
    """Return the directory of ``NAME.N``, or of the latest run of ``NAME``; a path to a run is taken as it is."""
    given = Path(wanted) if "/" in wanted else root / wanted
    if ("/" in wanted or "." in wanted) and files.is_there(given / layout.MANIFEST):
        return itself(given)
    if "/" in wanted:
        raise refuse("unknown-run", f"There is no run in {wanted}.", hint="see: reana-batch list")
    runs = all_runs(root, wanted)
    if not runs:
        known = sorted({run.name.partition(".")[0] for run in all_runs(root)})
        meant = closest(wanted.partition(".")[0], known)
        hint = f"did you mean {meant}?" if meant else "see: reana-batch list"
        raise refuse("unknown-run", f'There is no run "{wanted}" in {root}.', hint=hint)
    return runs[-1]


def itself(given: Path) -> Path:
    """Return the directory of a run without ``..`` at its end; Refused if the path leads through another run.

    A verb would change the run that it leads to: deleting ``run/workspace/..`` empties ``run``.
    """
    resolved = Path(os.path.realpath(given))
    # A path that begins with .. may start inside a run, and leave it.
    named = [path for path in given.parents if path.name not in ("", "..")]
    for outer in (*named, *resolved.parents):
        if os.path.isfile(outer / layout.MANIFEST):
            hint = f"name the run itself: {shlex.quote(str(outer))}"
            raise refuse("unknown-run", f"{given} leads through the run {outer}.", hint=hint)
    return resolved if given.name in ("", "..") else given


def all_runs(root: Path, name: str | None = None) -> list[Path]:
    """Return the directories of all runs, or of those of one name, in the order of their numbers."""
    found = []
    for path in root.iterdir() if files.is_there(root) else ():
        match = _RUN.fullmatch(path.name)
        if match and (name is None or match["name"] == name) and _is_run(path):
            found.append(((match["name"], int(match["major"]), int(match["minor"] or 0)), path))
    return [path for _, path in sorted(found)]


def _is_run(directory: Path) -> bool:
    """Return whether a directory is a run, or may be one: looking into it then says why it cannot be read."""
    try:
        return files.is_there(directory / layout.MANIFEST)
    except OSError:
        return True


def next_restart(directory: Path) -> Path:
    """Return the directory for a restart of ``NAME.N``: ``NAME.N.1``, then ``NAME.N.2``. The caller holds the lock."""
    match = _RUN.fullmatch(directory.name)
    if match is None:
        raise refuse("run-name", f"{directory.name} is not NAME.N, so it cannot be restarted under a number.")
    minor = int(match["minor"] or 0) + 1
    while (new := directory.with_name(f"{match['name']}.{match['major']}.{minor}")).exists():
        minor += 1
    return new
