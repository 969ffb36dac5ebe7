"""Every command answers --help. Wrong arguments and damaged runs give a sentence, and never a traceback."""

from __future__ import annotations

import json

import click
import pytest

from reana_batch.cli.main import main

from .conftest import Desk, said, serial


def commands(group: click.Group, *above: str) -> list[tuple[str, ...]]:
    """Return the words of every command of the command line."""
    found: list[tuple[str, ...]] = [above]
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        each = group.get_command(context, name)
        found += commands(each, *above, name) if isinstance(each, click.Group) else [(*above, name)]
    return found


ALL = commands(main)
# Where -h means --human-readable, as in reana-client.
HUMAN = (("list",), ("ls",), ("du",))


def test_every_command_is_looked_at() -> None:
    assert {words[0] for words in ALL if words} >= {
        *("validate", "compile", "inspect", "run", "submit", "restart", "resume", "status", "list", "wait", "logs"),
        *(
            "stop",
            "delete",
            "ls",
            "du",
            "download",
            "diff",
            "compare",
            "export",
            "test",
            "doctor",
            "samples",
            "sites",
            "config",
        ),
    }


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help(desk: Desk, words: tuple[str, ...]) -> None:
    first = desk(*words, "--help")
    assert first.stdout.startswith("Usage: " + " ".join(("reana-batch", *words)))
    assert (words[-1:] in HUMAN) or desk(*words, "-h").stdout == first.stdout
    assert first.stderr == ""
    assert list(desk.path.iterdir()) == []


@pytest.mark.parametrize("words", [words for words in ALL if words], ids=" ".join)
def test_an_unknown_option(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk(*words, "--no-such-option", exits=2)
    assert "Error: No such option" in done.stderr
    assert list(desk.path.iterdir()) == []


@pytest.fixture(scope="module")
def finished(shared: Desk) -> Desk:
    """A finished run called test.1."""
    shared.write("reana.yaml", serial("echo > out.txt"))
    shared.run()
    return shared


WRONG = [
    # words, exit code, message
    ("nonsense", 2, "No such command 'nonsense'"),
    ("run -j 0", 2, "0 is not in the range x>=1"),
    ("run -j many", 2, "'many' is not a valid integer"),
    ("run -b pbs", 2, "'pbs' is not one of"),
    ("run -f none.yaml", 3, "[missing-file]"),
    ("run -f none/reana.yaml", 3, "[missing-file]"),
    ("run -p nonsense", 3, "[bad-parameter]"),
    ("run -p x=1", 3, "[unknown-parameter]"),
    ("run --option FROM=none", 3, "[step-range]"),
    ("run --option nonsense", 3, "[bad-option]"),
    ("run --site none", 3, "[unknown-site]"),
    ("run --set nonsense", 3, "[bad-setting]"),
    ("run --set nonsense=1", 3, "[unknown-setting]"),
    ("run --set backend=pbs", 3, "[bad-setting]"),
    ("run --rows-per-job 0", 2, "must be a whole number above 0, or auto"),
    ("run --rows-per-job some", 2, "must be a whole number above 0, or auto"),
    ("run --measured none", 2, "Directory 'none' does not exist"),
    ("run extra", 2, "unexpected extra argument"),
    ("submit", 2, "Missing argument 'DIRECTORY'"),
    ("submit none", 2, "Directory 'none' does not exist"),
    ("submit reana.yaml", 2, "is a file"),
    ("submit .", 3, "[unknown-run]"),
    ("submit runs/test.1", 3, "[run-state]"),
    ("restart -w test -j 0", 2, "0 is not in the range x>=1"),
    ("resume -w test", 3, "[run-state]"),
    ("status -w test extra", 2, "unexpected extra argument"),
    ("status -w", 2, "Option '-w' requires an argument"),
    ("status -w test --runs", 2, "Option '--runs' requires an argument"),
    ("status -w test --runs reana.yaml", 3, "reana.yaml: Not a directory. [file-access]"),
    ("wait -w test --runs none", 3, "[unknown-run]"),
    ("logs -w test s1 s2", 2, "unexpected extra argument"),
    ("logs -w test s1 --row -1", 2, "-1 is not in the range x>=0"),
    ("logs -w test s1 --row one", 2, "'one' is not a valid integer"),
    ("logs -w test s1 --row 99999999999999999999", 3, "[unknown-step]"),
    ("logs -w test none", 3, "[unknown-step]"),
    ("stop -w test", 3, "[run-state]"),
    ("ls -w test a b", 2, "unexpected extra argument"),
    ("du -w test a", 2, "unexpected extra argument"),
    ("download -w test none", 1, "[missing-file]"),
    ("download -w test out.txt -o reana.yaml", 2, "is a file"),
    ("diff", 2, "Missing argument 'FIRST'"),
    ("diff test", 2, "Missing argument 'SECOND'"),
    ("diff test . --runs runs", 3, "[unknown-run]"),
    ("diff ./runs/test.1 ./runs", 3, "[unknown-run]"),
    ("export -w test", 2, "export needs --ro-crate PATH, --wfformat FILE or --prov FILE."),
    ("export -w none --ro-crate crate", 3, "[unknown-run]"),
    ("compare", 2, "Missing argument 'RUN RUN...'"),
    ("compare test", 2, "compare needs at least two different runs."),
    ("compare test test.1", 2, "compare needs at least two different runs."),
    ("compare test other", 3, "[unknown-run]"),
    ("ls -w ./runs", 3, "[unknown-run]"),
    ("du -w ./runs", 3, "[unknown-run]"),
    ("test -w test -n none", 3, "[missing-file]"),
    ("list --filter nonsense", 2, "--filter is name=VALUE, status=VALUE, backend=VALUE, not"),
    ("list --filter name=", 2, '--filter is name=VALUE, status=VALUE, backend=VALUE, not "name=".'),
    ("delete --filter Name= --older-than 1h", 2, 'not "Name=".'),
    ("list --filter status=pending", 2, "A status is one of created, queued, running,"),
    ("list --older-than month", 2, "is a number of m, h, d or w, such as 30d"),
    ("list --format owner", 2, '"owner" is not one of name, run_number'),
    ("ls -w test --filter time=1", 2, '--filter is name=VALUE, size=VALUE, last-modified=VALUE, not "time=1".'),
    ("du -w test --filter last-modified=1", 2, "--filter is name=VALUE, size=VALUE, not"),
    ("logs -w test --filter nonsense", 2, "--filter is step=VALUE, status=VALUE, compute_backend=VALUE, docker_img"),
    ("logs -w test --filter step=", 2, 'not "step=".'),
    ("logs -w test --filter status=queued", 2, "The status of a job is one of finished, failed, running, not"),
    ("logs -w test --filter step=s1 --follow", 2, "--filter and --follow exclude each other"),
    ("open -w test lab", 2, "'lab' is not 'jupyter'"),
    ("open -w test --runtime soon", 2, "--runtime must be seconds, or a time such as 3h or 90m, not"),
    ("delete", 2, "Missing option '-w' / '--workflow'"),
    ("delete --include-all-runs", 2, "Missing option '-w' / '--workflow'"),
    ("delete none.1 test", 3, "[unknown-run]"),
    ("doctor --site none", 3, "[unknown-site]"),
    ("doctor extra", 2, "unexpected extra argument"),
]


@pytest.mark.parametrize(("words", "code", "sentence"), WRONG, ids=[words for words, _, _ in WRONG])
def test_wrong_arguments(finished: Desk, words: str, code: int, sentence: str) -> None:
    done = finished(*words.split(), exits=code)
    assert sentence in done.stderr
    assert done.stdout == ""
    assert finished.json("list")["runs"][0]["name"] == "test.1"


@pytest.mark.parametrize("words", [words for words, code, _ in WRONG if code == 3])
def test_faults_in_json(finished: Desk, words: str) -> None:
    answer = finished.json(*words.split(), exits=3)
    assert answer["error"] is True
    assert answer["diagnostics"]


def test_submitting_an_empty_folder_leaves_nothing_behind(desk: Desk) -> None:
    said(desk("submit", ".", exits=3), f"error: There is no run in {desk.path}. [unknown-run]")
    assert list(desk.path.iterdir()) == []


def test_arguments_that_are_not_text(finished: Desk) -> None:
    """A shell can pass arbitrary bytes as arguments. Python represents them as lone surrogates."""
    strange = b"t\xffst".decode("utf-8", "surrogateescape")
    for code, *words in ((3, "status", "-w"), (1, "download", "-w", "test"), (3, "logs", "-w", "test")):
        process = finished.start(*map(str, words), strange)
        _, stderr = process.communicate(timeout=240)
        assert (process.returncode, "Traceback" in stderr) == (code, False)


# --- damaged runs ---------------------------------------------------------------------------------

LOOKING = ("status", "list", "wait", "logs", "stop", "delete", "restart", "resume", "download", "test")
HINT = "hint: the workspace next to it is as it was; run the analysis again, or put a copy of the file there."


MANIFEST = '{"backend": "make", "outputs": {"files": [], "directories": []}, "steps": %s}'
MANIFESTS = (
    "",
    "{",
    "[]",
    "{}",
    "null",
    '{"steps": []}',
    b"\377",
    "{" * 50,
    MANIFEST % "[7]",
    MANIFEST % '[{"name": 1}]',
)


@pytest.mark.parametrize("text", MANIFESTS)
def test_a_damaged_manifest(desk: Desk, text: str | bytes) -> None:
    desk.write("reana.yaml", serial("echo > out.txt"))
    run = desk.run()
    desk.write("runs/test.1/batch/manifest.json", text)
    message = "error: runs/test.1/batch/manifest.json is damaged. [unknown-run]"
    for command in LOOKING:
        said(desk(command, "-w", "test", exits=3), message, HINT)
    said(desk("submit", "runs/test.1", exits=3), message)
    # The files still exist.
    assert [each["name"] for each in desk.json("ls", "-w", "test")["files"]] == ["out.txt"]
    assert (run / "workspace/out.txt").exists()


RECORDS = (
    "",
    "{",
    "[]",
    '{"submitted": 1}',
    '{"submitted": 1, "ids": 7}',
    b"\377",
    '{"submitted": 1, "ids": [7]}',
    '{"created": "today"}',
    '{"created": 1e300}',
    '{"intent": 7}',
)


@pytest.mark.parametrize("text", RECORDS)
def test_a_damaged_record(desk: Desk, text: str | bytes) -> None:
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    desk.write("runs/test.1/state/run.json", text)
    for command in ("status", "list", "wait", "stop", "delete", "restart", "resume", "test"):
        said(
            desk(command, "-w", "test", exits=3),
            "error: runs/test.1/state/run.json is damaged. [unknown-run]",
            HINT,
        )
    cause = "==> Status: failed: the command ended with exit code 1\n"
    assert desk("logs", "-w", "test").stdout == f"==> Step: s1 (reana.yaml:1)\n{cause}"


def test_a_run_for_an_unknown_batch_system(desk: Desk) -> None:
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    desk.write(
        "runs/test.1/batch/manifest.json", desk.read("runs/test.1/batch/manifest.json").replace('"make"', '"pbs"')
    )
    for command in ("status", "wait", "stop", "delete", "restart", "resume"):
        said(
            desk(command, "-w", "test", exits=3),
            'error: The run is for "pbs", which this version does not know. [unknown-run]',
            "hint: this version has htcondor, make, slurm.",
        )


def test_one_damaged_run_hides_no_other(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    for _ in range(3):
        desk.run()
    desk.write("runs/test.2/batch/manifest.json", "{")
    assert sorted(each["name"] for each in desk.json("list", exits=3)["runs"]) == ["test.1", "test.3"]
    assert desk.run().name == "test.4"


def test_a_run_without_a_manifest_is_none(desk: Desk) -> None:
    desk.write("reana.yaml", serial("true"))
    run = desk.run()
    (run / "batch/manifest.json").unlink()
    said(desk("status", "-w", "test.1", exits=3), 'error: There is no run "test.1" in runs. [unknown-run]')
    said(desk("submit", "runs/test.1", exits=3), "error: There is no run in runs/test.1. [unknown-run]")
    assert desk.json("list")["runs"] == []


def test_a_run_without_a_record_is_known_by_those_of_its_jobs(desk: Desk) -> None:
    desk.write("reana.yaml", serial("false"))
    run = desk.run(exits=1)
    (run / "state/run.json").unlink()
    assert desk.state("test") == "failed"


def test_records_of_jobs_that_are_damaged(desk: Desk) -> None:
    desk.write("reana.yaml", serial("false"))
    desk.run(exits=1)
    desk.write("runs/test.1/state/s1/0.failed", b"\377\nexit_code=what\nreason=unheard of\n")
    failure = desk.json("status", "-w", "test")["first_failure"]
    assert (failure["exit_code"], failure["cause"]) == (0, "failed")
    assert json.loads(desk("status", "-w", "test", "--json").stdout)["status"] == "failed"


# Packages that the program imports, and names that the standard library has or had.
FOREIGN = (
    "click", "filelock", "gherkin", "jinja2", "jsonschema_rs", "lark", "networkx", "pathspec", "platformdirs", "rich",
    "yaml", "concurrent", "argparse", "dataclasses", "enum34", "json",
)  # fmt: skip


def test_foreign_packages_on_pythonpath_are_the_jobs_own(desk: Desk) -> None:
    for name in FOREIGN:
        desk.write(f"view/{name}.py", 'raise SystemExit("this is not the package that reana-batch needs")\n')
    desk.write("view/mine.py", "print('mine')\n")
    feature = "Feature: x\n  Scenario: y\n    When the workflow is finished\n    Then the outputs should be in the workspace\n"
    desk.write("x.feature", feature)
    desk.write("reana.yaml", serial('echo "$$PYTHONPATH"; python3 -c "import mine"', tests={"files": ["x.feature"]}))
    where = {"PYTHONPATH": f"{desk.path}/view"}
    for words in (
        ["--help"], ["validate"], ["inspect"], ["run", "-w", "test"], ["status", "-w", "test"], ["test", "-w", "test"],
        ["sites"], ["list", "--json"],
    ):  # fmt: skip
        process = desk.start(*words, env=where)
        stdout, stderr = process.communicate(timeout=240)
        assert process.returncode == 0, (words, stdout, stderr)
    assert f"{desk.path}/view\nmine\n" in desk("logs", "-w", "test").stdout
