"""The manual is true: its examples run, its tables match the program, and its links lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from reana_batch.backends import BACKENDS, known_settings, lowering
from reana_batch.cli.elsewhere import VERBS
from reana_batch.cli.main import main
from reana_batch.diagnostics import CODES
from reana_batch.reading import hints
from reana_batch.reading.rules import of_specification
from reana_batch.reading.sites import rules_of
from reana_batch.run import reasons
from reana_batch.site import settings_of
from reana_batch.writing import libraries

from ..golden.forked import Forked
from . import pages
from .pages import PAGES, REWRITE, ROOT
from .sandbox import HOME, Sandbox, examples, matches, statements

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def runner() -> Iterator[Forked]:
    with Forked() as forked:
        yield forked


@pytest.fixture
def sandbox(tmp_path: Path, runner: Forked) -> Sandbox:
    return Sandbox(tmp_path, runner)


def settle(page: Path, played: str, wrong: list[str]) -> None:
    """Check that every example of a page is right, or write the page with the output of its examples."""
    if REWRITE:
        page.write_text(played, "utf-8")
    else:
        assert not wrong, "\n".join(wrong)


# --- examples ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_console(page: Path, sandbox: Sandbox) -> None:
    text = pages.read(page)
    wrong = []
    for block in pages.blocks(page):
        if pages.is_file(block):
            (sandbox.directory / pages.title(block)).write_text(block.text, "utf-8")
        if block.language != "console":
            continue
        played = block.text
        for line, shown in examples(block.text):
            output = sandbox.run(line)
            if not matches(shown, output):
                wrong.append(f"$ {line}\n{output}")
                played = played.replace(f"$ {line}\n{shown}", f"$ {line}\n{output}", 1)
        text = text.replace(f"```console\n{block.text}```", f"```console\n{played}```", 1)
    settle(page, text, wrong)


def test_console_sees_differences() -> None:
    assert matches("a...c\n...\nd\n", "abbc\nx\ny\nd\n")
    assert not matches("a\n", "a\nb\n")
    assert not matches("a\nb\n", "a\n")
    assert list(examples("$ a \\\n  b\nc\n$ d\n")) == [("a \\\n  b", "c\n"), ("d", "")]


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_python(page: Path, sandbox: Sandbox) -> None:
    text = pages.read(page)
    wrong = []
    for block in pages.blocks(page, "pycon"):
        for written, source, shown in statements(block.text):
            output = sandbox.evaluate(source)
            if not matches(shown, output):
                wrong.append(f"{written}{output}")
                text = text.replace(f"{written}{shown}", f"{written}{output}", 1)
    settle(page, text, wrong)


def test_python_is_read_by_statements() -> None:
    text = ">>> for x in 1, 2:\n...     print(x)\n1\n2\n>>> y = 3\n>>> y\n3\n"
    assert [(source, shown) for _, source, shown in statements(text)] == [
        ("for x in 1, 2:\n    print(x)\n\n", "1\n2\n"),
        ("y = 3\n\n", ""),
        ("y\n\n", "3\n"),
    ]


# The first line of a YAML block says what the block is.
_YAML_FILES = ("reana.yaml", "sites.yaml", ".reana-batch.yaml")


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_yaml(page: Path, sandbox: Sandbox) -> None:
    for number, block in enumerate(pages.blocks(page, "yaml")):
        title = pages.title(block)
        assert title in _YAML_FILES, f"say which file it is: {block.text}"
        folder = sandbox.directory / str(number)
        folder.mkdir()
        sandbox.run(f"cd {HOME}/{number}".replace(HOME, str(sandbox.directory)))
        (folder / title).write_text(block.text, "utf-8")
        output = _validated(sandbox, folder, title, yaml.safe_load(block.text))
        sandbox.run("cd ..")
        assert "==> SUCCESS" in output, f"{block.text}\n{output}"


def _validated(sandbox: Sandbox, folder: Path, title: str, parsed: dict[str, Any]) -> str:
    if title == "reana.yaml":
        for declared in parsed.get("inputs", {}).get("files", []):
            (folder / declared).parent.mkdir(parents=True, exist_ok=True)
            (folder / declared).touch()
        for declared in parsed.get("inputs", {}).get("directories", []):
            (folder / declared).mkdir(parents=True)
        return sandbox.run("reana-batch validate")
    site = ""
    if title == "sites.yaml":
        configuration = folder.parent / ".config/reana-batch"
        configuration.mkdir(parents=True, exist_ok=True)
        (configuration / "sites.yaml").write_text((folder / title).read_text("utf-8"), "utf-8")
        site = f"--site {next(iter(parsed))}"
    else:
        (folder / "reana.yaml").write_text(
            "workflow: {type: serial, specification: {steps: [{environment: 'a:1', commands: [ls]}]}}\n", "utf-8"
        )
    helloworld = "-f reana.yaml" if not site else "-f ../samples/helloworld"
    return sandbox.run(f"reana-batch validate {helloworld} {site}")


# --- links and names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, ROOT / "samples/README.md"], ids=pages.name)
def test_links(page: Path) -> None:
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{pages.name(page)} links to {link}"
        if anchor:
            assert anchor in pages.anchors(target), f"{pages.name(page)} links to {link}"
        if page.parent == DOCS:
            assert target.resolve().is_relative_to(DOCS), f"the manual has no page for {link}"


def test_navigation() -> None:
    listed = [DOCS / "index.md"]
    for page in listed:  # each page adds the pages that it lists
        listed += pages.contents(page)
    assert sorted(listed) == sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_no_place_of_ours(page: Path) -> None:
    found = re.findall(r"/(?:tmp|root|work/main)/\S*", pages.read(page))
    assert not found


def test_make_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", pages.read(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:^ *|`)make ([a-z]+)", pages.read(ROOT / "README.md"), re.MULTILINE)
    named += re.findall(r"(?:^ *|`)make ([a-z]+)", pages.read(ROOT / "CONTRIBUTING.md"), re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= targets


@pytest.mark.parametrize("sample", ["dimuon", "toys"])
def test_pictures_show_the_steps(sample: str, sandbox: Sandbox) -> None:
    titles = re.findall(r"<title>([^<]*)</title>", pages.read(DOCS / f"{sample}.svg"))
    shown = sandbox.run(f"reana-batch inspect -f samples/{sample} --site generic-slurm --format dot")
    steps = re.findall(r'^ *"([^"]+)" \[', shown, re.MULTILINE)
    assert steps
    assert set(steps) <= set(titles)


# --- commands ----------------------------------------------------------------------------------------


def _commands(group: click.Group = main, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        yield prefix + name, command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")


def _long_options(command: click.Command) -> set[str]:
    return {word for option in command.params for word in option.opts if word.startswith("--")}


COMMANDS = dict(_commands())
OPTIONS = {name: _long_options(command) for name, command in COMMANDS.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_documented(command: str) -> None:
    section = pages.section(DOCS / "commands.md", command)
    assert re.search(rf"^\$ reana-batch {command}\b", section, re.MULTILINE), "an example is missing"
    shared = pages.section(DOCS / "commands.md", "Options of many commands")
    for option in OPTIONS[command]:
        assert f"`{option}" in section + shared or f", {option}" in section + shared, f"{option} is missing"


def test_verbs_that_are_not_here_are_listed() -> None:
    [listed] = re.findall(r"^These verbs are not here: ([^.]*)\.", pages.read(DOCS / "reana-client.md"), re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", listed)) == sorted(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_named_commands_exist(page: Path) -> None:
    text = pages.read(page)
    for name in (
        re.findall(r"reana-batch +([a-z][a-z-]*)\b(?=[^\n]*(?:`|$))", text) if page.name != "CHANGELOG.md" else ()
    ):
        if f"reana-batch {name}" in _inline_and_console(page):
            assert name in COMMANDS, f"{pages.name(page)}: reana-batch {name}"
    known = set().union(*OPTIONS.values()) | {"--help", "--version"}
    for code in re.findall(r"`(--[a-z-]+)", text):
        assert code in known or _in_templates(code), f"{pages.name(page)}: {code}"
    for block in pages.blocks(page, "console"):
        for line, _ in examples(block.text):
            _check_options(line)


def _inline_and_console(page: Path) -> str:
    inline = re.findall(r"`([^`\n]+)`", pages.prose(page))
    return "\n".join([*inline, *(block.text for block in pages.blocks(page, "console"))])


def _in_templates(option: str) -> bool:
    """Return whether a back end passes the option to its batch system, or the job to apptainer or timeout."""
    return any(option in path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.*") if path.is_file())


def _check_options(line: str) -> None:
    words = line.split()
    if words[0] == "reana-batch" and words[1] in COMMANDS:
        used = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][a-z-]*(=.*)?", word)}
        command = " ".join(words[1:3]) if " ".join(words[1:3]) in COMMANDS else words[1]
        assert used <= OPTIONS[command] | {"--help"}, line


# --- words and messages ------------------------------------------------------------------------------


def _rows(page: Path) -> list[list[str]]:
    """Return the cells of the tables of a page, without their headers."""
    lines = re.findall(r"^\| (.*) \|$", pages.read(page), re.MULTILINE)
    cells = [line.split(" | ") for line in lines]
    rules = {index for index, row in enumerate(cells) if set(row[0]) == {"-"}}
    return [row for index, row in enumerate(cells) if not rules & {index, index + 1}]


def test_symptoms_are_messages_of_the_program() -> None:
    folders = ("compiler", "backends", "templates")
    text = "\n".join(
        path.read_text("utf-8")
        for folder in folders
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".sh")
    )
    seen = [symptom for row in _rows(DOCS / "troubleshooting.md") for symptom in re.findall("`([^`]+)`", row[0])]
    assert len(seen) > 40
    codes = [symptom[1:-1] for symptom in seen if symptom.startswith("[")]
    assert set(codes) <= CODES.keys()
    said = [
        part
        for symptom in seen
        if symptom[1:-1] not in codes
        for part in re.split(r" ?\.\.\. ?| \d+$|SIGKILL", symptom)
    ]
    assert [part for part in said if part not in text] == []


def test_the_glossary_defines_each_word_once() -> None:
    words = [row[0] for row in _rows(DOCS / "glossary.md")]
    assert len(words) == len(set(words)) > 40
    tables = re.split(r"^## .*$", pages.read(DOCS / "glossary.md"), flags=re.MULTILINE)[1:]
    for table in tables:
        listed = [row for row in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) if row not in ("Word", "---")]
        assert listed == sorted(listed)


# --- tables ------------------------------------------------------------------------------------------


def test_diagnostics_table() -> None:
    rows = ((f"`{code}`", sentence) for code, sentence in CODES.items())
    pages.check_made(DOCS / "diagnostics.md", {"codes": pages.table(("Code", "Meaning"), rows)})


def test_settings_table() -> None:
    described = dict(_settings(rules_of(known_settings())))
    defaults = settings_of(known_settings())
    assert described.keys() - {"extends"} == defaults.keys()
    rows = (
        (f"`{key}`", "-" if key == "extends" else f"`{json.dumps(defaults[key])}`", sentence)
        for key, sentence in described.items()
    )
    pages.check_made(DOCS / "sites.md", {"settings": pages.table(("Setting", "Default", "Meaning"), rows)})


def _settings(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, rules in schema["properties"].items():
        if "description" not in rules:
            yield from _settings(rules, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", rules["description"]


def test_site_rules_table() -> None:
    text = resources.files("reana_batch.reading").joinpath("sites.yaml").read_text("utf-8")
    profiles = yaml.safe_load(text)
    rows = (
        (f"`{site}`", f"`{key}`", _shown(_value(profile, key)), source)
        for site, profile in profiles.items()
        for key, source in profile.get("sources", {}).items()
    )
    made = pages.table(("Profile", "Setting", "Value", "Source"), rows)
    pages.check_made(DOCS / "sites.md", {"rules": made})


def _value(profile: dict[str, Any], key: str) -> Any:
    value: Any = profile
    for part in key.split("."):
        value = value[part]
    return value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{each['prefix']}`" for each in value)
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def test_reasons_and_exit_codes_table() -> None:
    told = ((f"`{name}`", reason.meaning, reason.detail or "-") for name, reason in reasons.REASONS.items())
    codes = [(str(code), each.meaning, each.record) for code, each in reasons.EXIT_CODES.items()]
    codes.append(("124, 137", "ended by its time limit, where the job itself watches it", "`timeout`"))
    codes.append(("137", "ended by its memory limit", "`signal`"))
    codes.append(("128 + N", "ended from outside by signal N", "`signal`"))
    submission = ((str(code), each.meaning) for code, each in reasons.SUBMISSION_CODES.items())
    made = {
        "reasons": pages.table(("Reason", "Meaning", "Detail"), told),
        "exit codes": pages.table(("Code", "Meaning", "Record"), iter(codes)),
        "submission codes": pages.table(("Code", "Meaning"), submission),
    }
    pages.check_made(DOCS / "run-directory.md", made)


# What each field of a job's resources becomes. The templates of the back end have the words.
DIRECTIVES = {
    "make": {"runtime": "timeout"},
    "htcondor": {
        "cpus": "request_cpus",
        "memory": "request_memory",
        "disk": "request_disk",
        "runtime": "MY.MaxRuntime",
        "account": "accounting_group",
        "requirements": "requirements",
        "gpus": "request_gpus",
    },
    "slurm": {
        "cpus": "--cpus-per-task",
        "memory": "--mem",
        "disk": "--tmp",
        "runtime": "--time",
        "partition": "--partition",
        "account": "--account",
        "qos": "--qos",
        "constraint": "--constraint",
        "reservation": "--reservation",
        "gres": "--gres",
        "gpus": "--gpus",
        "gpu_model": "--gpus",
        "nodes": "--nodes",
        "tasks": "--ntasks",
    },
}


def test_hint_tables() -> None:
    targets = {name: lowering(name).TARGET for name in BACKENDS}
    assert DIRECTIVES.keys() == targets.keys()
    assert all(DIRECTIVES[name].keys() == target.hints.keys() for name, target in targets.items())
    rows = ((f"`{hint}`", *(_directive(hint, name) for name in BACKENDS)) for hint in hints.READERS)
    header = ("Hint", *(target.title for target in targets.values()))
    order = (
        (target.title, f"`{DIRECTIVES[name][field]}`", ", ".join(f"`{hint}`" for hint in taken))
        for name, target in targets.items()
        for field, taken in target.hints.items()
    )
    made = {"hints": pages.table(header, rows), "order": pages.table(("System", "Directive", "Taken from"), order)}
    pages.check_made(DOCS / "hints.md", made)


def _directive(hint: str, name: str) -> str:
    fields = [field for field, taken in lowering(name).TARGET.hints.items() if hint in taken]
    return ", ".join(f"`{DIRECTIVES[name][field]}`" for field in fields) or "warned of"


@pytest.mark.parametrize("name", BACKENDS)
def test_directives_are_written(name: str) -> None:
    files = filter(Path.is_file, (ROOT / "templates" / name).iterdir())  # and not Python's __pycache__
    written = "".join(path.read_text("utf-8") for path in files) + libraries.text("job-lib.sh")
    assert all(word in written for word in DIRECTIVES[name].values())


def test_hints_are_all_there() -> None:
    known = of_specification()["$defs"]["step"]["properties"].keys() - {"name", "environment", "commands"}
    assert known == hints.READERS.keys() | hints.steering()
    text = pages.read(DOCS / "hints.md")
    assert all(f"`{hint}" in text for hint in known)
