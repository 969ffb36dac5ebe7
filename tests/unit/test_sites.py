"""Site profiles: which layer wins, where each value comes from, and the faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from reana_batch.backends import known_settings
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Diagnostics, Refused, render
from reana_batch.reading import sites
from reana_batch.reading.sites import ResolvedSite, profiles, resolve, user_file
from reana_batch.site import settings_of
from reana_batch.site import site_of as settings_site

WriteFile = Callable[[str], Path]


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user an empty configuration directory."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def write_user_file() -> WriteFile:
    def write(text: str) -> Path:
        path = user_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def write_project_file(tmp_path: Path) -> WriteFile:
    def write(text: str) -> Path:
        (tmp_path / ".reana-batch.yaml").write_text(text)
        return tmp_path

    return write


def site_of(
    name: str | None = None,
    overrides: Sequence[str] = (),
    project: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> ResolvedSite:
    return resolve(name, overrides, project, Diagnostics(), environment or {}, known=known_settings())


def refusal(
    name: str | None = None,
    overrides: Sequence[str] = (),
    project: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    with pytest.raises(Refused) as refused:
        site_of(name, overrides, project, environment)
    diagnostics = refused.value.diagnostics
    return render(diagnostics, diagnostics.sources)


KNOWN_SITES = "known: local, generic-htcondor, generic-slurm, cern-lxplus, cern-slurm.\n"

# --- which layer wins -----------------------------------------------------------------------------


def test_default_site_is_this_machine() -> None:
    resolved = site_of()
    assert (resolved.site.name, resolved.site.backend, resolved.site.container_runtime) == ("local", "make", "none")
    assert resolved.origins["backend"] == "shipped: local"
    assert resolved.origins["slurm.partition"] == "default"


def test_the_site_of_a_back_end_is_the_default(write_user_file: WriteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    write_user_file("generic-slurm: {slurm: {partition: long}}\n")
    overrides, environment = ["queue_time=5"], {"REANA_BATCH_SLURM__QOS": "high"}
    diagnostics = Diagnostics()
    asked = resolve(None, overrides, None, diagnostics, environment, known=known_settings(), default="generic-slurm")
    found, named = site_of(None, overrides, None, environment), site_of("local", overrides, None, environment)
    monkeypatch.setattr(sites, "read_document", None)  # no file is read again
    assert found.or_default("generic-slurm", diagnostics) == asked
    assert (asked.site.name, asked.chosen_by) == ("generic-slurm", "--backend")
    assert asked.site.of(SlurmSettings).partition == "long"
    assert found.or_default("", diagnostics) is found
    assert named.or_default("generic-slurm", diagnostics) is named


def test_each_layer_wins_over_the_one_below(write_user_file: WriteFile, write_project_file: WriteFile) -> None:
    user = write_user_file(
        "cern-slurm:\n  extends: generic-slurm\n"
        "  slurm: {partition: user, account: user, qos: user, max_array_size: 5}\n"
    )
    project = write_project_file("slurm: {account: project, qos: project, max_array_size: 6}\n")
    environment = {"REANA_BATCH_SLURM__QOS": "environment", "REANA_BATCH_SLURM__MAX_ARRAY_SIZE": "7"}
    resolved = site_of("cern-slurm", ["slurm.max_array_size=8"], project, environment)
    slurm = resolved.site.of(SlurmSettings)
    assert (slurm.partition, slurm.account, slurm.qos, slurm.max_array_size) == ("user", "project", "environment", 8)
    origins = [resolved.origins[f"slurm.{name}"] for name in ("partition", "account", "qos", "max_array_size")]
    assert origins == [f"{user}: cern-slurm", ".reana-batch.yaml", "environment", "command line"]


def test_site_is_named_on_the_command_line_before_all(write_project_file: WriteFile) -> None:
    project = write_project_file("site: cern-lxplus\n")
    environment = {"REANA_BATCH_SITE": "generic-htcondor"}
    assert site_of("generic-slurm", (), project, environment).site.name == "generic-slurm"
    assert site_of(None, (), project, environment).site.name == "generic-htcondor"
    assert site_of(None, (), project).site.name == "cern-lxplus"


@pytest.mark.parametrize("name", profiles(known_settings(), Diagnostics()))
def test_the_settings_of_a_site_are_all_of_it(name: str) -> None:
    settings = ["python=/p", "binds=[/a, /b]", "refused_directories=[{prefix: /x, reason: r, hint: h}]"]
    site = resolve(name, settings, None, Diagnostics(), {}, known=known_settings()).site
    assert settings_site(name, json.loads(json.dumps(settings_of(site))), known_settings()) == site


def test_project_without_a_file(tmp_path: Path) -> None:
    assert site_of(None, (), tmp_path).site.name == "local"


def test_shipped_profile_extends_another() -> None:
    resolved = site_of("cern-lxplus")
    assert resolved.site.backend == "htcondor"
    assert resolved.site.of(HTCondorSettings).job_flavours
    assert resolved.site.limits.runtime == 604_800
    assert [directory.prefix for directory in resolved.site.refused_directories] == ["/eos/"]
    assert resolved.origins["backend"] == "shipped: generic-htcondor"
    assert resolved.origins["htcondor.job_flavours"] == "shipped: cern-lxplus"


def test_a_source_is_that_of_the_value_in_force(write_user_file: WriteFile) -> None:
    arrays, jobs = "slurm.max_array_size", "limits.queued_jobs"
    inherited = site_of("cern-slurm").site.sources
    assert {arrays, jobs, "slurm.partition"} <= inherited.keys()
    changed = site_of("cern-slurm", [f"{jobs}=5"]).site.sources
    assert {arrays, "slurm.partition"} <= changed.keys()
    assert jobs not in changed
    write_user_file(f"cern-slurm:\n  slurm: {{max_array_size: 5}}\n  sources: {{{arrays}: our site}}\n")
    assert site_of("cern-slurm").site.sources[arrays] == "our site"


def test_every_shipped_rule_has_a_source_and_every_source_a_value() -> None:
    for name in profiles(known_settings(), Diagnostics()):
        resolved = site_of(name)
        assert resolved.site.sources.keys() <= settings_of(resolved.site).keys()
        limits = {key for key, origin in resolved.origins.items() if key.startswith("limits.") and origin != "default"}
        assert limits <= resolved.site.sources.keys()


def test_users_profile_adds_to_the_shipped_one_of_its_name(write_user_file: WriteFile) -> None:
    user = write_user_file("cern-lxplus:\n  htcondor: {accounting_group: group_u_X.u_y}\n")
    resolved = site_of("cern-lxplus")
    assert resolved.site.of(HTCondorSettings).accounting_group == "group_u_X.u_y"
    assert resolved.site.of(HTCondorSettings).job_flavours
    assert resolved.origins["htcondor.accounting_group"] == f"{user}: cern-lxplus"
    assert resolved.origins["backend"] == "shipped: generic-htcondor"


def test_users_profile_may_say_that_it_extends_the_shipped_one_of_its_name(write_user_file: WriteFile) -> None:
    user = write_user_file("cern-lxplus:\n  extends: cern-lxplus\n  default_runtime: 60\n")
    resolved = site_of("cern-lxplus")
    assert (resolved.site.backend, resolved.site.default_runtime) == ("htcondor", 60)
    assert resolved.origins["default_runtime"] == f"{user}: cern-lxplus"


def test_users_profile_extends_a_shipped_one(write_user_file: WriteFile) -> None:
    user = write_user_file("mine:\n  extends: cern-slurm\n  slurm: {partition: photon}\n")
    resolved = site_of("mine")
    assert (resolved.site.backend, resolved.site.of(SlurmSettings).partition) == ("slurm", "photon")
    assert resolved.site.unpacked_images == "/cvmfs/unpacked.cern.ch"
    origins = [resolved.origins[name] for name in ("backend", "default_runtime", "slurm.partition")]
    assert origins == ["shipped: generic-slurm", "shipped: cern-slurm", f"{user}: mine"]


def test_origins_cover_every_setting() -> None:
    assert list(site_of().origins) == list(settings_of(known_settings()))


def test_settings_of_a_site_are_flat() -> None:
    settings = settings_of(site_of("cern-slurm").site)
    assert settings["slurm.partition"] == "inf-short"
    assert settings["limits.runtime"] is None
    assert "name" not in settings


def test_profiles_with_their_descriptions(write_user_file: WriteFile) -> None:
    write_user_file("mine:\n  description: My own.\nother: {}\n")
    found = profiles(known_settings(), Diagnostics())
    assert list(found) == ["local", "generic-htcondor", "generic-slurm", "cern-lxplus", "cern-slurm", "mine", "other"]
    assert (found["cern-lxplus"], found["mine"]) == ("lxplus and the HTCondor pool of CERN.", "My own.")


VALUES: dict[str, tuple[str, object]] = {
    "slurm.partition=photon": ("slurm.partition", "photon"),
    "slurm.partition=": ("slurm.partition", None),
    "slurm.max_array_size=50": ("slurm.max_array_size", 50),
    "inherit_environment=true": ("inherit_environment", True),
    "binds=[/cvmfs, /eos]": ("binds", ("/cvmfs", "/eos")),
    "rows_per_job=auto": ("rows_per_job", "auto"),
    "htcondor.accounting_group=a=b": ("htcondor.accounting_group", "a=b"),
}


@pytest.mark.parametrize("word", VALUES)
def test_value_on_the_command_line_is_read_as_yaml(word: str) -> None:
    key, value = VALUES[word]
    assert settings_of(site_of(None, [word]).site)[key] == value


@pytest.mark.parametrize("value", ["2020-13-45", "!!bool maybe", "&x [*x]", "'"])
def test_value_that_is_not_yaml_is_text(value: str) -> None:
    assert site_of(None, [f"description={value}"]).site.description == value


# --- faults ---------------------------------------------------------------------------------------


def test_unknown_site() -> None:
    assert refusal("nowhere") == f'error: There is no site profile "nowhere". [unknown-site]\nhint: {KNOWN_SITES}'


def test_site_that_is_nearly_known() -> None:
    assert refusal("cern-lxpuls") == (
        'error: There is no site profile "cern-lxpuls". [unknown-site]\nhint: did you mean cern-lxplus?\n'
    )


def test_unknown_setting_of_the_command_line() -> None:
    assert refusal(None, ["slurm.partitoin=x"]) == (
        'error: --set: there is no setting "slurm.partitoin". [unknown-setting]\nhint: did you mean slurm.partition?\n'
    )


BAD_SETTINGS = {
    "htcondor.retries=-1": "htcondor.retries must be a whole number, not -1",
    "limits.runtime=1h": 'limits.runtime must be a whole number above 0, not "1h"',
    "inherit_environment=maybe": 'inherit_environment must be true or false, not "maybe"',
    "binds=[cvmfs]": 'binds must be an absolute path without commas, not ["cvmfs"]',
}


@pytest.mark.parametrize("word", BAD_SETTINGS)
def test_bad_setting_of_the_command_line(word: str) -> None:
    assert refusal(None, [word]) == f"error: --set: {BAD_SETTINGS[word]}. [bad-setting]\n"


def test_bad_setting_of_the_environment() -> None:
    assert refusal(environment={"REANA_BATCH_HTCONDOR__RETRIES": "many"}) == (
        'error: environment: htcondor.retries must be a whole number, not "many". [bad-setting]\n'
    )


def test_all_faults_are_shown_together() -> None:
    text = refusal("nowhere", ["htcondor.retries=x"], environment={"REANA_BATCH_HTCONDOR__RETRIES": "y"})
    assert [line for line in text.splitlines() if line.startswith("error")] == [
        'error: There is no site profile "nowhere". [unknown-site]',
        'error: environment: htcondor.retries must be a whole number, not "y". [bad-setting]',
        'error: --set: htcondor.retries must be a whole number, not "x". [bad-setting]',
    ]


def test_faults_of_the_project_file(write_project_file: WriteFile) -> None:
    project = write_project_file("site: local\nslurm: {partitoin: x}\ndefault_runtime: 0\n")
    assert refusal(project=project) == (
        '.reana-batch.yaml:2:9: error: "partitoin" is not known here. [unknown-key]\n'
        "  slurm: {partitoin: x}\n"
        "          ^^^^^^^^^\n"
        "hint: did you mean partition?\n"
        ".reana-batch.yaml:3:18: error: default_runtime must be seconds or a job flavour. [bad-value]\n"
        "  default_runtime: 0\n"
        "                   ^\n"
    )


def test_project_file_that_is_not_yaml(write_project_file: WriteFile) -> None:
    assert refusal(project=write_project_file("a: b: c\n")) == (
        ".reana-batch.yaml:1:5: error: A second ': ' in one line. [yaml-syntax]\n"
        "  a: b: c\n"
        "      ^\n"
        "hint: quote the value that holds it, or begin the inner mapping in a new line.\n"
    )


def test_faults_of_the_users_file(write_user_file: WriteFile) -> None:
    user = write_user_file("mine:\n  backend: sge\n")
    assert refusal("mine") == (
        f'{user}:2:12: error: backend must be one of make, htcondor, slurm, not "sge". [bad-value]\n'
        "    backend: sge\n"
        "             ^^^\n"
    )


def test_users_file_that_is_not_a_mapping(write_user_file: WriteFile) -> None:
    user = write_user_file("- mine\n")
    assert refusal() == (
        f"{user}:1:1: error: The file must be a mapping of site names to profiles. [bad-setting]\n  - mine\n  ^\n"
    )


def test_profile_that_extends_an_unknown_one(write_user_file: WriteFile) -> None:
    file = write_user_file("mine:\n  extends: cern-lxpuls\n")
    assert refusal("mine") == (
        f'{file}:2:12: error: There is no site profile "cern-lxpuls". [unknown-site]\n'
        "    extends: cern-lxpuls\n"
        "             ^^^^^^^^^^^\n"
        "hint: did you mean cern-lxplus?\n"
    )


def test_profiles_that_extend_each_other(write_user_file: WriteFile) -> None:
    user = write_user_file("a: {extends: b}\nb: {extends: a}\n")
    assert refusal("a") == (
        f"{user}:1:14: error: Profiles extend each other in a circle: a -> b -> a. [bad-setting]\n"
        "  a: {extends: b}\n"
        "               ^\n"
    )


def test_setting_without_a_value() -> None:
    assert refusal(None, ["slurm.partition"]) == (
        'error: --set must be KEY=VALUE, not "slurm.partition". [bad-setting]\n'
    )


def test_a_site_that_a_file_names_is_refused_at_its_line(tmp_path: Path) -> None:
    (tmp_path / ".reana-batch.yaml").write_text("slurm: {qos: a}\nsite: generic-slrm\n")
    with pytest.raises(Refused) as caught:
        resolve(None, (), tmp_path, Diagnostics(), known=known_settings())
    [fault] = caught.value.diagnostics.errors
    assert (fault.message, str(fault.place)) == ('There is no site profile "generic-slrm".', ".reana-batch.yaml:2")


def test_a_site_that_is_kept_comes_before_what_the_file_says_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sites.keep_choice("cern-lxplus")
    assert sites.home_file().read_text() == "site: cern-lxplus\n"
    sites.home_file().write_text("set:\n  retries: 3\n")
    sites.keep_choice("generic-slurm")
    assert sites.home_file().read_text() == "site: generic-slurm\nset:\n  retries: 3\n"
