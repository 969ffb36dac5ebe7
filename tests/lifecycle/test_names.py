"""The names of runs: how they are numbered, found, and refused."""

from __future__ import annotations

import pytest

from .conftest import Desk, answered, said, serial

RUN_COMMANDS = ("status", "wait", "logs", "stop", "delete", "ls", "du", "download", "restart", "resume", "test")


@pytest.fixture(scope="module")
def two_runs(shared: Desk) -> Desk:
    """Runs test.1, test.2 and test.2.1, and other.1."""
    shared.write("reana.yaml", serial("echo done > out.txt"))
    for _ in range(2):
        shared.run("test")
    shared("restart", "-w", "test")
    shared.run("other")
    return shared


def test_runs_are_counted_and_restarts_below_them(two_runs: Desk) -> None:
    names = sorted(path.name for path in (two_runs.path / "runs").iterdir())
    assert names == ["other.1", "test.1", "test.2", "test.2.1"]


def test_a_restart_does_not_count_as_a_run(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run()
    desk("restart", "-w", "test.1")
    assert desk.run().name == "test.2"


def test_a_number_is_not_given_twice_while_a_later_run_is_there(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    for _ in range(2):
        desk.run()
    desk("delete", "-w", "test.1")
    assert desk.run().name == "test.3"


def test_a_run_without_a_name_is_called_workflow(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    assert desk.json("run")["name"] == "workflow.1"


FOUND = [
    ("test", "test.2.1"),
    ("test.1", "test.1"),
    ("test.2", "test.2"),
    ("test.2.1", "test.2.1"),
    ("other", "other.1"),
    ("runs/test.1", "test.1"),
    ("./runs/test.1/", "test.1"),
]


@pytest.mark.parametrize(("given", "name"), FOUND)
def test_a_run_is_found(two_runs: Desk, given: str, name: str) -> None:
    assert two_runs.json("status", "-w", given)["name"] == name


def test_ten_comes_after_nine(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    for number in (9, 10):
        desk("compile", "-o", f"runs/test.{number}")
    assert desk.json("status", "-w", "test")["name"] == "test.10"


def test_the_environment_names_the_run_and_the_runs(two_runs: Desk) -> None:
    elsewhere = Desk(two_runs.path.parent, two_runs.forked)
    runs = str(two_runs.path / "runs")
    done = elsewhere("status", env={"REANA_WORKON": "test.1", "REANA_BATCH_RUNS": runs})
    answered(done, "==> SUCCESS: test.1 has finished.")
    done = elsewhere("status", "-w", "other", "--runs", runs, env={"REANA_WORKON": "test.1"})
    answered(done, "==> SUCCESS: other.1 has finished.")


NOT_FOUND = [
    ("tset", 'There is no run "tset" in runs.', "did you mean test?"),
    ("test.7", 'There is no run "test.7" in runs.', "did you mean test?"),
    ("test.1.1", 'There is no run "test.1.1" in runs.', "did you mean test?"),
    ("zzz", 'There is no run "zzz" in runs.', "see: reana-batch list"),
    ("", 'There is no run "" in runs.', "see: reana-batch list"),
    ("..", 'There is no run ".." in runs.', "see: reana-batch list"),
    (".", 'There is no run "." in runs.', "see: reana-batch list"),
    ("./runs", "There is no run in ./runs.", "see: reana-batch list"),
    ("./nowhere", "There is no run in ./nowhere.", "see: reana-batch list"),
    ("te*t.1", 'There is no run "te*t.1" in runs.', "did you mean test?"),
    ("x" * 300, f'There is no run "{"x" * 300}" in runs.', "see: reana-batch list"),
    ("x" * 300 + ".1", f'There is no run "{"x" * 300}.1" in runs.', "see: reana-batch list"),
]


@pytest.mark.parametrize(("given", "message", "hint"), NOT_FOUND)
def test_a_run_is_not_found(two_runs: Desk, given: str, message: str, hint: str) -> None:
    done = two_runs("status", "-w", given, exits=3)
    assert done.stderr == f"error: {message} [unknown-run]\nhint: {hint}\n==> ERROR: 1 fault.\n"
    assert done.stdout == ""


@pytest.mark.parametrize("command", RUN_COMMANDS)
def test_every_command_says_that_there_is_no_such_run(two_runs: Desk, command: str) -> None:
    answer = two_runs.json(command, "-w", "tset", exits=3)
    assert answer["error"] is True
    assert [(each["code"], each["hint"]) for each in answer["diagnostics"]] == [("unknown-run", "did you mean test?")]


THROUGH = ["runs/test.1/workspace/..", "runs/test.2/expansions/x", "runs/test.1/batch/../../test.2"]


@pytest.mark.parametrize("given", THROUGH)
@pytest.mark.parametrize("command", [*RUN_COMMANDS, "submit"])
def test_a_path_through_a_run_is_not_a_run(two_runs: Desk, command: str, given: str) -> None:
    inner = two_runs.path / "runs/test.2/expansions/x/batch/manifest.json"
    inner.parent.mkdir(parents=True, exist_ok=True)
    inner.write_text(two_runs.read("runs/test.2/batch/manifest.json"), "utf-8")
    before = sorted((two_runs.path / "runs").rglob("*"))
    words = [given] if command == "submit" else ["-w", given]
    run = "/".join(given.split("/")[:2])
    done = two_runs(command, *words, exits=3)
    said(done, f"error: {given} leads through the run {run}. [unknown-run]", f"hint: name the run itself: {run}")
    assert sorted((two_runs.path / "runs").rglob("*")) == before


def test_a_run_is_found_from_inside(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    runs = [desk.run() for _ in range(2)]
    inside = Desk(runs[0] / "workspace", desk.forked)
    assert inside.json("status", "-w", "../")["name"] == "test.1"
    assert inside.json("status", "-w", "../../test.2")["name"] == "test.2"
    inside("delete", "-w", "./..")
    assert [path.name for path in (desk.path / "runs").iterdir()] == ["test.2"]


@pytest.mark.parametrize("command", RUN_COMMANDS)
def test_every_command_wants_a_run(two_runs: Desk, command: str) -> None:
    assert "Error: Missing option '-w' / '--workflow'" in two_runs(command, exits=2).stderr


def test_diff_says_that_there_is_no_such_run(two_runs: Desk) -> None:
    said(two_runs("diff", "test", "tset", exits=3), 'error: There is no run "tset" in runs. [unknown-run]')


LETTERS = "use up to 100 letters, digits, blanks, - and _."
REFUSED = [
    ("a.b", 'A workflow name cannot hold ".", as "a.b" does.', ""),
    ("test.1", 'A workflow name cannot hold ".", as "test.1" does.', ""),
    ("..", 'A workflow name cannot hold ".", as ".." does.', ""),
    ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "A workflow name cannot be a UUIDv4.", ""),
    ("", 'A workflow name cannot be "".', LETTERS),
    ("a/b", 'A workflow name cannot be "a/b".', LETTERS),
    ("-a", 'A workflow name cannot be "-a".', LETTERS),
    ("x" * 101, f'A workflow name cannot be "{"x" * 101}".', LETTERS),
]


@pytest.mark.parametrize(("name", "message", "hint"), REFUSED)
def test_a_name_is_refused_before_anything_is_made(desk: Desk, name: str, message: str, hint: str) -> None:
    desk.write("reana.yaml", serial("true"))
    expected = [f"error: {message} [run-name]"] + ([f"hint: {hint}"] if hint else [])
    said(desk("run", f"--workflow={name}", exits=3), *expected)
    assert not (desk.path / "runs").exists()


@pytest.mark.parametrize("name", ["x" * 100, "two words", "größe", "a[1]", "$HOME 'and' \"more\"", "a-b_c"])
def test_a_name_is_allowed(desk: Desk, name: str) -> None:
    desk.write("reana.yaml", serial("pwd > out.txt"))
    run = desk.run(name)
    assert run.name == f"{name}.1"
    assert desk.read(f"runs/{name}.1/workspace/out.txt") == f"{run}/workspace\n"
    assert desk.state(name) == "finished"


def test_a_run_directory_of_another_name_cannot_be_restarted(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.run("test")
    (desk.path / "runs/test.1").rename(desk.path / "kept")
    done = desk("restart", "-w", "./kept", exits=3)
    said(done, "error: kept is not NAME.N, so it cannot be restarted under a number. [run-name]")


def test_where_no_run_can_be_made(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    desk.write("file", "")
    done = desk("run", "--runs", "file", exits=3)
    said(
        done,
        "error: No run can be made in file: File exists. [cannot-write]",
        "hint: choose another directory with --runs.",
    )
