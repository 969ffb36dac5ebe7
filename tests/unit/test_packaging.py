"""The package as setup.cfg describes it, and the imports that each module may have."""

from __future__ import annotations

import ast
import functools
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from reana_batch.backends import BACKENDS, known_settings
from reana_batch.cli.main import COMMANDS
from reana_batch.credentials import CREDENTIALS
from reana_batch.frontends import FRONTENDS
from reana_batch.passes import PASSES
from reana_batch.reading.schema import expectations
from reana_batch.reading.sites import rules_of
from reana_batch.settings import values_of
from reana_batch.site import CredentialSettings, settings_of

ROOT = Path(__file__).parents[2]
FOLDERS = ("compiler", "backends", "templates", "samples")


def configuration() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def package_folders() -> dict[str, str]:
    """Return the folder of each package that setup.cfg places explicitly."""
    lines = configuration()["options"]["package_dir"].split("\n")
    return {package.strip(): folder.strip() for package, _, folder in (line.partition("=") for line in lines if line)}


def module_name(path: Path) -> str:
    """Return the name under which a source file is imported."""
    folder, *parts = path.relative_to(ROOT).with_suffix("").parts
    package = next(package for package, place in package_folders().items() if place == folder)
    return ".".join([package, *parts]).removesuffix(".__init__")


SOURCES = {module_name(path): path for folder in FOLDERS[:2] for path in sorted((ROOT / folder).rglob("*.py"))}


def test_packages_are_the_folders() -> None:
    inits = (path for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py"))
    listed = configuration()["options"]["packages"].split()
    assert sorted(listed) == sorted(map(module_name, inits))


def test_wheel_holds_every_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packages = package_folders()
    expected = {
        f"{package.replace('.', '/')}/{path.relative_to(source / folder)}"
        for package, folder in packages.items()
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert sorted(expected - packed) == []
    assert sorted(packed - expected) == []


# --- imports --------------------------------------------------------------------------------------


@functools.cache
def imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, at any place in its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in SOURCES else node.module or "" for name in names}
    return {name for name in found if name.split(".")[0] == "reana_batch"}


BASIC = {f"reana_batch.{name}" for name in ("ir", "diagnostics", "names", "target", "frontend")}
# The front ends, passes and back ends themselves. The other modules in their folders help them.
MEMBERS = {
    *(each.module for each in FRONTENDS.values() if each.module),
    *(module for row in BACKENDS.values() for module in (row.lowering, row.driver)),
    *(a_pass.__module__ for a_pass in PASSES),
}
TABLES = {"reana_batch.frontends", "reana_batch.passes", "reana_batch.backends"}
# Folders and modules from the ground up. Each may import from its own folder and from those above it in this list. A
# module that is not in the list belongs to the ground: it is in the package itself and knows no folder.
LAYERS = (
    ("reading",),
    ("writing",),
    ("run",),
    ("frontends", "passes", "backends"),
    ("compilation", "call_rate"),
    ("pipeline",),
    ("lifecycle", "estimating"),
    ("report",),
    ("api", ""),  # and the package itself, which has the names of the library call
    ("cli",),
    ("__main__",),
)
# The only modules that may read the tables.
WHOLE = ("backends.placement", "compilation", "pipeline", "lifecycle", "cli")


def layer(module: str) -> int:
    """Return the number of the layer of a module, 0 for the ground."""
    name = [*module.split("."), ""][1]
    return next((number for number, names in enumerate(LAYERS, 1) if name in names), 0)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_no_module_imports_from_a_higher_layer(module: str) -> None:
    assert {known for known in imports(module) if layer(known) > layer(module)} == set()


@pytest.mark.parametrize("module", sorted(BASIC))
def test_basic_modules_import_each_other_alone(module: str) -> None:
    assert imports(module) <= BASIC


def test_members_are_known_by_their_tables_alone() -> None:
    tables = {"reana_batch.passes"}  # whose tuple holds the functions themselves
    knowing = {(module, known) for module in SOURCES.keys() - tables for known in imports(module) & MEMBERS}
    assert knowing == set()


def test_tables_are_looked_into_by_few() -> None:
    looking = {module.removeprefix("reana_batch.") for module in SOURCES if imports(module) & TABLES}
    assert {module for module in looking if not module.startswith(WHOLE)} == set()


# What names a batch system: its own word, and the words of its tools and parts.
SYSTEM_WORDS = re.compile(r"\b(htcondor2?|HTCondor|[Ss]lurm|slurmctld|sbatch|DAGMan|condor_\w+|schedd|GNU make)\b")
# Modules outside of backends/ that still name batch systems, and why.
NAMING = {
    "reana_batch.site": "has the default of the setting backend, and settings whose values are named for systems",
    "reana_batch.reading.expressions": "reads the values of REANA's hints, which are named for systems",
    "reana_batch.reading.hints": "the same",
    "reana_batch.reading.places": "gives advice by the names of REANA's hints and of settings",
    "reana_batch.frontends.snakemake.fold": "knows the resources of Snakemake's executors, which are named for systems",
    "reana_batch.writing.libraries": "lists the parts of bash libraries by their folders",
    "reana_batch.writing.render": "quotes for languages, which are named for the programs that read them",
}


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Return the constants that are docstrings."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = (node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and node.body)
    return {first.value for first in bodies if isinstance(first, ast.Expr)}


def named(text: str, word: re.Pattern[str], whole: Iterable[str], module: str) -> set[str]:
    """Return the names in code: strings that hold ``word`` or are one of ``whole``, attributes, imports."""
    tree = ast.parse(text)
    skipped, found = docstrings(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            if node.value in whole or word.search(node.value):
                found.add(node.value)
        elif isinstance(node, ast.Attribute) and word.fullmatch(node.attr):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [f"{getattr(node, 'module', '')}.{alias.name}" for alias in node.names]
            found |= {name for name in names if word.search(name) or module in name}
    return found


def named_systems(text: str) -> set[str]:
    """Return the words in code that name a batch system."""
    return named(text, SYSTEM_WORDS, BACKENDS, ".backends.make")


OUTSIDE = sorted(module for module in SOURCES if not module.startswith("reana_batch.backends"))


def test_no_code_outside_its_folder_names_a_back_end() -> None:
    naming = {module: words for module in OUTSIDE if (words := named_systems(SOURCES[module].read_text("utf-8")))}
    assert {module: words for module, words in naming.items() if module not in NAMING} == {}
    assert NAMING.keys() <= naming.keys(), "a module that names none needs no exception"


@pytest.mark.parametrize(
    "code",
    [
        "from reana_batch.backends.slurm.settings import S",
        "site.htcondor.retries",
        "name == 'make'",
        "f'for {x}: sbatch'",
        "from reana_batch.backends.slurm import chain",
    ],
)
def test_a_name_of_a_back_end_is_seen(code: str) -> None:
    assert named_systems(code)


def test_commands_are_known_by_their_table_alone() -> None:
    commands = {module for module in SOURCES if module.startswith("reana_batch.cli.") and module.endswith("_commands")}
    assert commands == {f"reana_batch.cli.{entry.place.partition(':')[0]}" for entry in COMMANDS.values()}
    assert {(module, known) for module in SOURCES for known in imports(module) & commands} == set()


# --- workflow types and credentials -----------------------------------------------------------------

TYPE_WORDS = re.compile(r"\b(snakemake|yadage|cwl)\b")
# Modules outside of frontends/ that still name workflow types, and why.
NAMING_TYPES = {
    "reana_batch.cli.main": "has the command cwl-runner, whose interface is that of all CWL runners",
    "reana_batch.cli.cwl_commands": "is that command",
}
CREDENTIAL_WORDS = re.compile(r"\b(kerberos|voms_proxy|rucio|klist|kinit|CERN_KEYTAB|VOMSPROXY_\w+|RUCIO_\w+)\b")
# The same for credentials/.
NAMING_CREDENTIALS = {
    "reana_batch.site": "has what opens data by default",
    "reana_batch.reading.expressions": "reads rucio(...), a form of declared data",
    "reana_batch.reading.references": "the same",
    "reana_batch.passes.stage_data": "brings in and out what rucio(...) names",
    "reana_batch.diagnostics": "has the code of a fault in rucio(...)",
    "reana_batch.writing.libraries": "lists the parts that bring in and out what rucio(...) names",
    "reana_batch.frontends.yadage.environments": "knows Yadage's own words for them",
    "reana_batch.backends.htcondor.schedd": "gives HTCondor the ticket that it forwards itself",
}


def named_types(text: str) -> set[str]:
    """Return the words in code that name a workflow type."""
    return named(text, TYPE_WORDS, FRONTENDS, ".frontends.serial")


def named_credentials(text: str) -> set[str]:
    """Return the words in code that name a credential."""
    return named(text, CREDENTIAL_WORDS, CREDENTIALS, ".credentials.kerberos")


@pytest.mark.parametrize(
    ("folder", "sees", "exceptions"),
    [("frontends", named_types, NAMING_TYPES), ("credentials", named_credentials, NAMING_CREDENTIALS)],
    ids=["workflow-types", "credentials"],
)
def test_no_code_outside_its_folder_names_an_addition(
    folder: str, sees: Callable[[str], set[str]], exceptions: dict[str, str]
) -> None:
    outside = [module for module in SOURCES if not module.startswith(f"reana_batch.{folder}")]
    naming = {module: words for module in outside if (words := sees(SOURCES[module].read_text("utf-8")))}
    assert {module: words for module, words in naming.items() if module not in exceptions} == {}
    assert exceptions.keys() <= naming.keys(), "a module that names none needs no exception"


@pytest.mark.parametrize("code", ["spec.type == 'serial'", "x.snakemake", "from reana_batch.frontends import serial"])
def test_a_name_of_a_workflow_type_is_seen(code: str) -> None:
    assert named_types(code)


@pytest.mark.parametrize("code", ["plan.kerberos", "name == 'voms_proxy'", "run(['klist', '-s'])", "f'rucio {x}'"])
def test_a_name_of_a_credential_is_seen(code: str) -> None:
    assert named_credentials(code)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_each_credential_has_its_functions_in_bash(name: str) -> None:
    part = (ROOT / "templates" / f"{CREDENTIALS[name].part}.sh").read_text("utf-8")
    for line in (f"known_credentials+=({name})", f"issue_{name}() {{", f"take_{name}() {{"):
        assert line in part, f"templates/{CREDENTIALS[name].part}.sh must have {line}"


@pytest.mark.parametrize("name", [name for name, each in CREDENTIALS.items() if each.url_part])
def test_what_opens_urls_has_its_function_in_bash(name: str) -> None:
    part = (ROOT / "templates" / f"{CREDENTIALS[name].url_part}.sh").read_text("utf-8")
    assert f"open_{name}() {{" in part, f"templates/{CREDENTIALS[name].url_part}.sh must have open_{name}"


def test_each_setting_has_a_rule_and_a_sentence() -> None:
    known = known_settings()
    ruled = dict(_settings(rules_of(known)["properties"], ""))
    assert ruled.keys() == settings_of(known).keys()
    for name, rule in ruled.items():
        assert rule.keys() > {"description"}, f"{name} takes any value"
        assert re.fullmatch(r"\S.*\.", rule["description"]), f"{name} has no sentence"
        assert list(expectations(_nested(name, settings_of(known)[name]), rules_of(known))) == [], f"{name}: default"


def test_no_two_credentials_have_a_setting_of_the_same_name() -> None:
    records = [CredentialSettings(), *(each.settings() for each in CREDENTIALS.values() if each.settings)]
    names = [name for record in records for name, _ in values_of(record)]
    assert len(names) > len(CREDENTIALS)
    assert sorted(names) == sorted(set(names))


def _settings(properties: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, rule in properties.items():
        if "description" not in rule:
            yield from _settings(rule["properties"], f"{prefix}{name}.")
        elif name != "extends":
            yield f"{prefix}{name}", rule


def _nested(name: str, value: object) -> Any:
    for part in reversed(name.split(".")):
        value = {part: value}
    return json.loads(json.dumps(value))
