"""What the steps of a CWL workflow ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reana_batch import frontends
from reana_batch.diagnostics import Diagnostics
from reana_batch.frontends.cwl.asked import asked, credentials_in
from reana_batch.frontends.cwl.records import StepRecord
from reana_batch.ir import Asked, Resources
from reana_batch.reading.analysis import read_spec

MIB = 1024**2


@pytest.fixture
def said() -> Diagnostics:
    return Diagnostics()


def wishes(tmp_path: Path, said: Diagnostics, *hints: tuple[str, Any], resources: str = "{}", **fields: Any) -> Asked:
    """Return what a step with these hints and fields asks for."""
    (tmp_path / "flow.cwl").touch()
    (tmp_path / "reana.yaml").write_text(f"workflow: {{type: cwl, file: flow.cwl, resources: {resources}}}\n")
    spec = read_spec(tmp_path / "reana.yaml", frontends.FRONTENDS, said, definition=fields.pop("definition", ""))
    standard: dict[str, Any] = {"label": "fit", "place": ("flow.cwl", 3, 5), "task": 0, "command": True}
    standard |= dict.fromkeys(("cpus", "memory", "disk", "runtime", "gpus")) | {"image": "", "image_required": False}
    placed = [(name, value, ("flow.cwl", number, 1)) for number, (name, value) in enumerate(hints, 1)]
    return asked(spec, StepRecord(**standard | {"hints": placed} | fields), said)


def test_a_step_gets_what_cwl_asks_for(tmp_path: Path, said: Diagnostics) -> None:
    found = wishes(tmp_path, said, image="docker.io/library/debian:12", cpus=2, memory=512 * MIB, disk=7, gpus=1)
    assert found.environment == "docker.io/library/debian:12"
    assert found.resources == Resources(cpus=2, memory=512 * MIB, disk=7, gpus=1)
    assert not list(said)


@pytest.mark.parametrize(
    ("definition", "required", "needed"), [("", True, False), ("flow.cwl", True, True), ("flow.cwl", False, False)]
)
def test_only_a_runner_of_cwl_needs_images(
    tmp_path: Path, said: Diagnostics, definition: str, required: bool, needed: bool
) -> None:
    image = "docker.io/library/debian:12"
    found = wishes(tmp_path, said, image=image, image_required=required, definition=definition)
    assert found.needs_image == needed


def test_little_memory_becomes_the_default_of_cwl(tmp_path: Path, said: Diagnostics) -> None:
    assert wishes(tmp_path, said, memory=MIB).resources.memory == 256 * MIB


def test_a_job_has_more_time_than_its_tool(tmp_path: Path, said: Diagnostics) -> None:
    assert wishes(tmp_path, said, runtime=3).resources.runtime == 303


def test_the_first_hint_of_a_name_counts(tmp_path: Path, said: Diagnostics) -> None:
    found = wishes(tmp_path, said, ("slurm_time", "60"), ("slurm_time", "5"), ("kerberos", True))
    assert {name: hint.value for name, hint in found.hints.items()} == {"slurm_time": "60", "kerberos": True}
    assert found.credentials == {"kerberos"}


def test_resources_of_the_workflow_are_for_all_steps(tmp_path: Path, said: Diagnostics) -> None:
    found = wishes(tmp_path, said, resources="{cvmfs: [sft.cern.ch], kerberos: true}")
    assert found.cvmfs == ("sft.cern.ch",)
    assert found.credentials == {"kerberos"}


def test_a_hint_that_is_null_is_not_a_hint(tmp_path: Path, said: Diagnostics) -> None:
    assert wishes(tmp_path, said, ("slurm_time", None)).hints == {}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("kerberos", "yes", 'kerberos must be true or false, not "yes".'),
        ("slurm_time", ["5"], 'slurm_time must be text or a whole number, not ["5"].'),
        ("slurm_tim", "5", 'The hint "slurm_tim" has no effect.'),
        ("kubernetes_memory_limit", "much", "kubernetes_memory_limit: "),
    ],
)
def test_a_hint_that_cannot_be_honoured_is_shown_at_its_place(
    tmp_path: Path, said: Diagnostics, name: str, value: Any, message: str
) -> None:
    wishes(tmp_path, said, (name, value))
    (found,) = said
    assert found.message.startswith(message)
    assert str(found.place) == "flow.cwl:1"


def test_a_bad_image_is_shown_at_the_step(tmp_path: Path, said: Diagnostics) -> None:
    wishes(tmp_path, said, image="De bian")
    (found,) = said
    assert (found.code, str(found.place)) == ("bad-image", "flow.cwl:3")


def test_credentials_of_later_steps_are_found_in_their_workflow() -> None:
    step = {"run": {"hints": [{"class": "reana", "kerberos": True, "rucio": False}]}}
    assert credentials_in({"document": {"steps": [step], "hints": [{"voms_proxy": True}]}}) == {
        "kerberos",
        "voms_proxy",
    }
