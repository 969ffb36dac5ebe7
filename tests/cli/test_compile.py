"""What `compile` writes, where it writes, and which files it does not change."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from .conftest import HELLO, PROGRAM, Tool


def _modes(directory: Path) -> dict[str, int]:
    return {str(p.relative_to(directory)): p.stat().st_mode & 0o777 for p in (directory, *directory.rglob("*"))}


# --- where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("args", "folder"), [((), "run-make"), (("--site", "generic-slurm"), "run-slurm")])
def test_the_run_is_named_after_the_back_end(args: tuple[str, ...], folder: str, hello: Tool) -> None:
    assert hello.run("compile", *args).code == 0
    assert (hello.directory / folder / "batch/manifest.json").exists()


def test_auto_goes_by_the_steps(hello: Tool) -> None:
    hello.write("reana.yaml", HELLO.replace("        commands", "        compute_backend: slurmcern\n        commands"))
    ended = hello.run("compile", "-b", "auto", REANA_BATCH_QUEUE="5")
    assert (ended.code, ended.stderr.count("There is no setting REANA_BATCH_QUEUE")) == (0, 1)
    assert (hello.directory / "run-slurm/batch/submit.sh").exists()


def test_paths_are_relative_to_the_analysis(hello: Tool) -> None:
    """-f names the directory of the inputs. --output is relative to the user's working directory."""
    elsewhere = hello.directory.parent / "elsewhere"
    elsewhere.mkdir()
    tool = Tool(elsewhere, hello.environment)
    assert tool.run("compile", "-f", "../analysis", "-o", "run").code == 0
    assert (elsewhere / "run/workspace/names.txt").read_text("utf-8") == "Ann\nBob\n"


def test_a_run_directory_with_blanks_can_be_started_as_it_says(hello: Tool) -> None:
    ended = hello.run("compile", "-o", "my run; echo $HOME")
    command = ended.stdout.rsplit("To start: ", 1)[1]
    subprocess.run(["bash", "-euc", command], cwd=hello.directory, check=True, capture_output=True)
    greetings = hello.directory / "my run; echo $HOME/workspace/greetings.txt"
    assert greetings.read_text("utf-8") == "Hello Ann\nHello Bob\n"


def test_a_chosen_default_runtime_is_not_warned_about(hello: Tool) -> None:
    """tests/golden/errors has the warning for the default of a site's profile."""
    words = ("validate", "--site", "cern-lxplus")
    assert "[default-runtime]" in hello.run(*words).stderr
    assert "[default-runtime]" not in hello.run(*words, "--set", "default_runtime=1800").stderr
    hello.write(".reana-batch.yaml", "default_runtime: workday\n")
    assert "[default-runtime]" not in hello.run(*words).stderr


@pytest.mark.parametrize("misread", ["x$(step)", "x$ENV(HOME)", "a|b", "back\\/slash"])
def test_a_path_that_htcondor_misreads_is_refused(misread: str, hello: Tool) -> None:
    before = hello.files()
    ended = hello.run("compile", "-b", "htcondor", "-o", f"{misread}/run")
    assert ended.code != 0
    assert f"error: A run cannot be in {misread}/run: HTCondor does not read" in ended.stderr
    assert hello.files() == before
    assert hello.run("compile", "-b", "slurm", "-o", f"{misread}/run").code == 0


@pytest.mark.parametrize("backend", ["make", "htcondor", "slurm"])
def test_a_dry_run_writes_nothing(backend: str, hello: Tool) -> None:
    before = hello.files()
    ended = hello.run("compile", "--dry-run", "-b", backend)
    assert ended.code == 0
    assert hello.files() == before
    assert os.listdir(hello.environment["HOME"]) == []
    assert "batch/steps/greet/job.sh" in ended.stdout
    assert "1 input file to the workspace. Nothing was written." in ended.stderr


# --- files that are in the way --------------------------------------------------------------------


def test_a_directory_in_use_is_left_alone(hello: Tool) -> None:
    hello.write("run/thesis.tex", "years of work\n")
    before = hello.files()
    for force in ([], ["--force"]):
        ended = hello.run("compile", "-o", "run", *force)
        assert ended.code == 3
        assert "[output-exists]" in ended.stderr
        assert hello.files() == before


def test_force_replaces_a_run_and_keeps_results(hello: Tool) -> None:
    assert hello.run("compile", "-o", "run").code == 0
    hello.write("run/state/greet/0.done", "exit_code=0\n")
    hello.write("run/workspace/greetings.txt", "from before\n")
    hello.write("names.txt", "Cleo\n")
    assert hello.run("compile", "-o", "run").code == 3
    assert hello.run("compile", "-o", "run", "--force").code == 0
    files = hello.files()
    assert "run/state/greet/0.done" not in files
    assert files["run/workspace/greetings.txt"] == b"from before\n"
    assert files["run/workspace/names.txt"] == b"Cleo\n"


def test_force_leaves_no_step_of_the_earlier_run(hello: Tool) -> None:
    hello.run("compile", "-o", "run")
    hello.write("reana.yaml", HELLO.replace("greet\n", "welcome\n"))
    hello.run("compile", "-o", "run", "--force")
    assert not [
        path for path in hello.files() if path.startswith("run/") and "/greet" in path and "workspace" not in path
    ]


def test_force_does_not_follow_a_link_out_of_the_run(hello: Tool) -> None:
    hello.run("compile", "-o", "run")
    hello.write("elsewhere/thesis.tex", "years of work\n")
    logs = hello.directory / "run/logs"
    for path in sorted(logs.rglob("*"), reverse=True):
        path.rmdir()
    logs.rmdir()
    logs.symlink_to("../elsewhere")
    ended = hello.run("compile", "-o", "run", "--force")
    assert (hello.directory / "elsewhere/thesis.tex").exists()
    assert ended.code in (0, 3)


# --- modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["make", "htcondor", "slurm"])
def test_generated_files_are_the_owners_alone(backend: str, hello: Tool) -> None:
    command = ["sh", "-c", 'umask 0; exec "$0" compile -b "$1" -o run', str(PROGRAM), backend]
    subprocess.run(command, cwd=hello.directory, env=hello.environment, check=True, capture_output=True)
    run = hello.directory / "run"
    modes = _modes(run)
    assert modes["."] == 0o700
    files = {path: mode for path, mode in modes.items() if (run / path).is_file() and path.startswith("batch/")}
    assert {path: mode for path, mode in files.items() if mode == 0o700} == (
        {"batch/submit.sh": 0o700} if backend == "slurm" else {}
    )
    assert set(files.values()) <= {0o600, 0o700}


def test_inputs_keep_their_modes(hello: Tool) -> None:
    hello.write("reana.yaml", HELLO.replace("[names.txt]", "[names.txt, tool.sh]"))
    hello.write("tool.sh", "#!/bin/sh\n").chmod(0o750)
    hello.run("compile", "-o", "run")
    assert (hello.directory / "run/workspace/tool.sh").stat().st_mode & 0o777 == 0o750


# --- inputs ----------------------------------------------------------------------------------------


def _staged(tool: Tool, inputs: str) -> set[str]:
    tool.write("reana.yaml", f"inputs:\n{inputs}" + HELLO[HELLO.index("workflow") :])
    ended = tool.run("compile", "-o", "run")
    assert ended.code == 0, ended.stderr
    workspace = tool.directory / "run/workspace"
    return {str(path.relative_to(workspace)) for path in workspace.rglob("*") if path.is_file()}


def test_a_directory_comes_whole_without_its_empty_folders(empty: Tool) -> None:
    for name in (
        "data/a.txt",
        "data/deep/er/b.txt",
        "data/größe und gewicht.txt",
        "data/-x",
        "data/.hidden",
        "other.txt",
    ):
        empty.write(name, name)
    (empty.directory / "data/nothing").mkdir()
    staged = _staged(empty, "  directories: [data]\n")
    assert staged == {"data/a.txt", "data/deep/er/b.txt", "data/größe und gewicht.txt", "data/-x", "data/.hidden"}
    assert not (empty.directory / "run/workspace/data/nothing").exists()


def test_ignored_files_stay_behind_unless_they_are_named(empty: Tool) -> None:
    names = ("a.txt", "b.log", "keep.log", "big/c.bin", "deep/d.log", "deep/e.tmp", "named.log", "f.bak")
    for name in names:
        empty.write(f"data/{name}", name)
    empty.write(".gitignore", "# a comment\n\n*.log\n!keep.log\nbig/\n*.bak\n")
    empty.write(".reanaignore", "/data/deep/*.tmp\n!*.bak\n")
    staged = _staged(empty, "  files: [data/named.log]\n  directories: [data]\n")
    assert staged == {"data/a.txt", "data/keep.log", "data/named.log", "data/f.bak"}


def test_a_link_inside_the_analysis_is_followed(empty: Tool) -> None:
    empty.write("shared/x.txt", "x\n")
    (empty.directory / "data").mkdir()
    (empty.directory / "data/file").symlink_to("../shared/x.txt")
    (empty.directory / "data/folder").symlink_to("../shared")
    assert _staged(empty, "  directories: [data]\n") == {"data/file", "data/folder/x.txt"}
    assert not (empty.directory / "run/workspace/data/file").is_symlink()


def test_an_ignored_link_to_a_directory_stays_behind(empty: Tool) -> None:
    empty.write("data/a.txt", "a\n")
    (empty.directory / "data/folder").symlink_to("/usr")
    empty.write(".reanaignore", "folder\n")
    assert _staged(empty, "  directories: [data]\n") == {"data/a.txt"}


def test_what_a_link_leads_to_is_checked_as_well(empty: Tool) -> None:
    """Two links in a row must not copy a secret from outside the analysis."""
    (empty.directory.parent / "secret.txt").write_text("secret\n", "utf-8")
    empty.write("shared/x.txt", "x\n")
    (empty.directory / "shared/inner").symlink_to("../../secret.txt")
    (empty.directory / "data").mkdir()
    (empty.directory / "data/folder").symlink_to("../shared")
    empty.write("reana.yaml", "inputs:\n  directories: [data]\n" + HELLO[HELLO.index("workflow") :])
    ended = empty.run("compile", "-o", "run")
    assert ended.code == 3
    assert "[input-symlink]" in ended.stderr


def test_links_in_a_circle_are_named(empty: Tool) -> None:
    empty.write("data/a.txt", "a\n")
    (empty.directory / "data/back").symlink_to(".")
    empty.write("reana.yaml", "inputs:\n  directories: [data]\n" + HELLO[HELLO.index("workflow") :])
    ended = empty.run("compile", "-o", "run")
    assert ended.code == 3
    assert '"data/back" leads back to a directory that has been copied already. [input-symlink]' in ended.stderr


def test_an_ignore_file_need_not_be_utf_8(empty: Tool) -> None:
    empty.write("data/a.txt", "a\n")
    empty.write("data/b.log", "b\n")
    (empty.directory / ".gitignore").write_bytes(b"gr\xf6\xdfe.txt\n*.log\n")
    assert _staged(empty, "  directories: [data]\n") == {"data/a.txt"}


def test_a_declared_reference_is_brought_by_a_job_and_not_copied(hello: Tool) -> None:
    reference = "root://eospublic.cern.ch//eos/x.root credential=none"
    hello.write("reana.yaml", HELLO.replace("[names.txt]", f'[names.txt, "{reference}"]'))
    ended = hello.run("compile", "-o", "run")
    assert ended.code == 0, ended.stderr
    run = hello.directory / "run"
    assert [path.name for path in (run / "workspace").rglob("*")] == ["names.txt"]
    assert reference in (run / "batch/steps/stage-in.none/rows/0").read_text("utf-8")


def test_a_named_pipe_among_the_inputs_is_a_fault(empty: Tool) -> None:
    (empty.directory / "data").mkdir()
    os.mkfifo(empty.directory / "data/pipe")
    empty.write("reana.yaml", "inputs:\n  directories: [data]\n" + HELLO[HELLO.index("workflow") :])
    ended = empty.run("compile", "-o", "run")
    assert ended.code == 3
    assert "data/pipe" in ended.stderr
    assert "None" not in ended.stderr


# --- full disks -----------------------------------------------------------------------------------


def _tmpfs(directory: Path) -> None:
    """Mount a disk of 64 KiB at ``directory``, or skip the test."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, b"size=64k") != 0:
        pytest.skip(f"no tmpfs can be mounted here: {os.strerror(ctypes.get_errno())}")


def test_a_full_disk_is_said_and_not_hidden(hello: Tool) -> None:
    small = hello.directory / "small"
    small.mkdir()
    hello.write("names.txt", "Ann\n" * 50_000)
    _tmpfs(small)
    try:
        for args in (["compile", "-o", "small/run"], ["run", "--runs", "small/runs"]):
            ended = hello.run(*args)
            assert ended.code == 3
            assert "No space left on device. [cannot-write]" in ended.stderr
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_quota_is_said_and_not_hidden(hello: Tool) -> None:
    """A limit on the size of a file needs no root, and fails like a quota."""
    command = ["sh", "-c", 'ulimit -f 1; exec "$0" compile -o run', str(PROGRAM)]
    ended = subprocess.run(command, cwd=hello.directory, env=hello.environment, capture_output=True, check=False)
    assert ended.returncode == 3
    assert b"File too large. [cannot-write]" in ended.stderr


@pytest.mark.parametrize("where", ["names.txt/runs", "/proc/runs"])
def test_a_directory_that_cannot_be_made_is_said(where: str, hello: Tool) -> None:
    for args in (["run", "--runs", where], ["compile", "-o", where]):
        ended = hello.run(*args)
        assert ended.code == 3
        assert "[cannot-write]" in ended.stderr


def test_a_compilation_that_failed_can_be_repeated(hello: Tool) -> None:
    hello.write("names.txt", "Ann\n" * 1000)
    command = ["sh", "-c", 'ulimit -f 1; exec "$0" compile -o run', str(PROGRAM)]
    ended = subprocess.run(command, cwd=hello.directory, env=hello.environment, capture_output=True, check=False)
    assert ended.returncode == 3
    assert hello.run("compile", "-o", "run", "--force").code == 0


# --- all or nothing ----------------------------------------------------------------------------------


def _tree(root: Path) -> dict[str, bytes | str | None]:
    """Return everything below a directory: the content of files, the target of links, None for directories."""
    found = sorted(root.rglob("*"))
    return {
        str(path.relative_to(root)): os.readlink(path)
        if path.is_symlink()
        else (None if path.is_dir() else path.read_bytes())
        for path in found
    }


@pytest.fixture
def compiled(hello: Tool) -> Path:
    """Return a run with a result and a record. Its analysis has changed since."""
    hello.run("compile", "-o", "run")
    hello.write("run/workspace/greetings.txt", "from before\n")
    hello.write("run/state/greet/0.done", "exit_code=0\n")
    hello.write("run/state/run.json", "{}\n")
    hello.write("names.txt", "Cleo\n" * 1000)
    return hello.directory / "run"


def _plant_folder(hello: Tool, run: Path) -> None:
    (run / "workspace/data").symlink_to("../../elsewhere")
    hello.write("data/new.txt", "new")


def _plant_directory(hello: Tool, run: Path) -> None:
    (run / "workspace/data/new.txt").mkdir(parents=True)
    hello.write("data/new.txt", "new")


PLANTED = {
    "link": (_plant_folder, "run/workspace/data: It is a link, not a directory. [cannot-write]"),
    "directory": (_plant_directory, "run/workspace/data/new.txt: It is a directory, and an input is a file."),
}


@pytest.mark.parametrize("case", PLANTED)
def test_force_leaves_the_run_where_an_input_cannot_be_put(hello: Tool, compiled: Path, case: str) -> None:
    plant, message = PLANTED[case]
    plant(hello, compiled)
    hello.write("elsewhere/thesis.tex", "years of work\n")
    hello.write("reana.yaml", HELLO.replace("names.txt]", "names.txt, data/new.txt]"))
    before = (_tree(compiled), _tree(hello.directory / "elsewhere"))
    ended = hello.run("compile", "-o", "run", "--force")
    assert (ended.code, message in ended.stderr) == (3, True), ended.stderr
    assert (_tree(compiled), _tree(hello.directory / "elsewhere")) == before


def test_force_replaces_a_link_in_the_place_of_an_input(hello: Tool, compiled: Path) -> None:
    hello.write("thesis.tex", "years of work\n")
    (compiled / "workspace/names.txt").unlink()
    (compiled / "workspace/names.txt").symlink_to("../../thesis.tex")
    assert hello.run("compile", "-o", "run", "--force").code == 0
    files = hello.files()
    assert files["thesis.tex"] == b"years of work\n"
    assert files["run/workspace/names.txt"] == b"Cleo\n" * 1000
    assert not (compiled / "workspace/names.txt").is_symlink()


def _with_small_files(hello: Tool, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", 'ulimit -f 4; exec "$@"', "bash", str(PROGRAM), "compile", "-o", "run", *words]
    return subprocess.run(
        command, cwd=hello.directory, env=hello.environment, capture_output=True, text=True, check=False
    )


def test_force_leaves_the_run_where_the_disk_is_full(hello: Tool, compiled: Path) -> None:
    before = _tree(compiled)
    # No file may be larger than 4 KiB, which stops the copying of the input.
    ended = _with_small_files(hello, "--force")
    assert ended.returncode == 3, ended.stderr
    assert "File too large. [cannot-write]" in ended.stderr
    assert _tree(compiled) == before


def test_a_run_that_cannot_be_made_leaves_nothing(hello: Tool) -> None:
    hello.write("names.txt", "Cleo\n" * 1000)
    ended = _with_small_files(hello)
    assert ended.returncode == 3
    assert _tree(hello.directory / "run") == {}


def test_what_a_killed_compilation_leaves_is_replaced(hello: Tool, compiled: Path) -> None:
    left = compiled / ".compile.x/old"
    left.mkdir(parents=True)
    (compiled / "batch").rename(left / "batch")
    assert hello.run("compile", "-o", "run").code == 3
    assert hello.run("compile", "-o", "run", "--force").code == 0
    assert sorted(path.name for path in compiled.iterdir()) == ["batch", "logs", "state", "workspace"]


def test_what_a_compilation_leaves_that_was_killed_at_its_lock_is_replaced(hello: Tool) -> None:
    hello.write("run/state/run.lock", "")
    assert hello.run("compile", "-o", "run", "--force").code == 0
    hello.write("other/state/notes.txt", "")
    assert hello.run("compile", "-o", "other", "--force").code == 3


@pytest.mark.parametrize(("force", "codes"), [((), [0, 3, 3]), (("--force",), [0, 0, 0])])
def test_compilations_at_once_do_not_mix(hello: Tool, force: tuple[str, ...], codes: list[int]) -> None:
    if force:
        hello.run("compile", "-o", "run")
    started = [hello.start("compile", "-o", "run", *force) for _ in codes]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert sorted(code for _, code in ended) == codes, ended
    at_once = _tree(hello.directory / "run")
    hello.run("compile", "-o", "alone")
    assert at_once == _tree(hello.directory / "alone")


def test_runs_in_the_analysis_are_not_inputs(hello: Tool) -> None:
    hello.write("reana.yaml", HELLO.replace("files: [names.txt]", "directories: [.]"))
    assert hello.run("compile", "-o", "run").code == 0
    first = _tree(hello.directory / "run")
    hello.write("run/workspace/greetings.txt", "from before\n")
    assert hello.run("compile", "-o", "run", "--force").code == 0
    again = _tree(hello.directory / "run")
    assert again == first | {"workspace/greetings.txt": b"from before\n"}
    assert sorted(name for name in again if name.startswith("workspace")) == [
        *("workspace", "workspace/greetings.txt", "workspace/names.txt", "workspace/reana.yaml")
    ]
