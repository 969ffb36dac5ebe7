"""The server runs rows of real tools. A driver in Python plays the job script."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from select import PIPE_BUF
from typing import Any

import pytest

pytest.importorskip("cwltool")

from reana_batch.frontends.cwl.channel import Channel
from reana_batch.frontends.cwl.frozen import freeze_tool
from reana_batch.frontends.cwl.results import Results
from tests.cwl.driver import Driver
from tests.cwl.test_frozen import TOOLS, load, steps


def task(frozen: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "step", "task": frozen, "common": {}, "base": "cwl/step", "checksum": False, "strict": True, **more}


def text(driver: Driver, file: Any) -> str:
    location = str(file["location"])
    assert location.startswith("workspace:cwl/step/")
    return (driver.workspace / location.removeprefix("workspace:")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def frozen() -> dict[str, Any]:
    """The frozen tools, because cwltool needs a second to load them."""
    tools = {
        each: freeze_tool(load(TOOLS / f"{each}.cwl"), base=str(TOOLS))
        for each in ("greet", "make", "image", "numbers")
    }
    return {**tools, **steps(TOOLS / "choice.cwl")}


@pytest.fixture(scope="module")
def make(frozen: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A server of the tool make.cwl, which runs many rows."""
    with Driver(tmp_path_factory.mktemp("run"), task(frozen["make"], common={"word": "calm"})) as driver:
        yield driver


def test_an_answer_is_no_longer_than_what_a_pipe_takes_at_once() -> None:
    sink = io.StringIO()
    Channel(io.StringIO(), sink).answer("broken " + "é" * PIPE_BUF)
    line = sink.getvalue()
    assert (line[:8], line[-2:], len(line.encode())) == ("broken é", "é\n", PIPE_BUF)


def test_rows_of_one_server(make: Driver) -> None:
    for stem, word in (("0", "zero"), ("1/1", "one")):
        answer = make.row(stem, {"script": f'echo {word} $MOOD "$HOME"; echo log >&2; exit 7'})
        assert (answer.kind, answer.seconds) == ("done", (20,))
        result = make.result("cwl/step", stem)
        assert result["found"] == f"{word} calm {make.workspace}/cwl/step/{stem}"
        assert result["code"] == 7
        assert text(make, result["made"]) == "made for calm"
        assert make.log(stem, "err") == "log\n"


def test_values_of_other_jobs(make: Driver) -> None:
    results = make.workspace / "cwl/before"
    results.mkdir(parents=True)
    (results / "0.json").write_text(json.dumps({"a": "echo again", "none": None}), encoding="utf-8")
    picked = {"$picked": ["first_non_null", {"$items": [{"$out": ["cwl/before/0", p]} for p in ("none", "a")]}]}
    assert make.row("2", {"script": picked}).kind == "done"
    assert make.result("cwl/step", "2")["found"] == "again"


def test_size_of_a_file_that_the_compiler_has_foreseen(make: Driver) -> None:
    (make.workspace / "cwl").mkdir(exist_ok=True)
    (make.workspace / "cwl/a b").write_text("four")
    file = {"class": "File", "location": "workspace:cwl/a%20b", "basename": "a b"}
    found = Results(str(make.workspace))
    assert found.resolved({"$items": [file]}) == [{**file, "size": 4}]
    assert found.known(file)["size"] == 4
    gone = {**file, "location": "workspace:gone"}
    assert found.resolved(gone) == gone


def test_values_of_expansions(make: Driver) -> None:
    learned = make.run / "expansions/outer/expansions/inner/batch/learned.json"
    learned.parent.mkdir(parents=True)
    learned.write_text(json.dumps({"outer/inner": {"grow": {"word": "echo grown"}}}), encoding="utf-8")
    assert make.row("3", {"script": {"$later": ["outer/inner:grow", "word"]}}).kind == "done"
    assert make.result("cwl/step", "3")["found"] == "grown"


def test_numbers_have_no_exponent(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["numbers"])) as driver:
        answer = driver.row("0", {"given": 1e-5})
    assert answer.kind == "done"
    assert driver.log("0", "out") == "0.00001 123000 1.0\n"


def test_a_link_to_an_input_is_kept(make: Driver) -> None:
    (make.workspace / "far.txt").write_text("far", encoding="utf-8")
    far = {"class": "File", "location": "workspace:far.txt"}
    assert make.row("7", {"script": 'link() { ln -sf "$1" made.txt; }; link', "more": [far]}).kind == "done"
    assert text(make, make.result("cwl/step", "7")["made"]) == "far"
    assert make.result("cwl/step", "7")["made"]["location"].startswith("workspace:")


def test_links_do_not_depend_on_the_place_of_the_workspace(make: Driver) -> None:
    (make.workspace / "far").mkdir()
    (make.workspace / "far/file").write_text("far", encoding="utf-8")
    far = {"class": "File", "location": "workspace:far/file"}
    made_links = 'ln -sf "$f" made.txt; ln -s "${f%/*}" folder; ln -s /dev/null other'
    script = f'link() {{ f=$(readlink -f "$1"); {made_links}; }}; link'
    assert make.row("8", {"script": script, "more": [far]}).kind == "done"
    made = make.workspace / "cwl/step/8"
    assert (made / "made.txt").samefile(make.workspace / "far/file")
    assert not (made / "made.txt").is_symlink()
    assert (made / "folder").readlink() == Path("../../../far")
    assert (made / "other").readlink() == Path("/dev/null")


def test_exit_codes(make: Driver) -> None:
    assert make.row("4", {"script": "exit 3"})[:3] == ("failed", "3", (20,))
    assert make.row("5", {"script": "echo x >> ../tries; exit 8"})[:3] == ("failed", "8", (20, 20, 20))
    again = make.row("6", {"script": "echo x >>../again; [ $(wc -l <../again) = 2 ] || exit 8; ls"})
    assert (again.kind, len(again.seconds)) == ("done", 2)


@pytest.mark.parametrize(
    ("request_", "kind", "reason"),
    [
        (
            {"script": "rm made.txt"},
            "lacks",
            "make.cwl:20:38: step make: Error collecting output for parameter 'made': Did not find output file with",
        ),
        (
            {"script": {"$out": ["cwl/none/0", "a"]}},
            "broken",
            "The result of cwl/none/0 cannot be read: No such file or directory.",
        ),
        ({}, "broken", "Missing required input parameter 'script'"),
        (
            {"script": {"$picked": ["the_only_non_null", {"$items": ["a", "b"]}]}},
            "broken",
            "pickValue: the_only_non_null finds 2 values that are not null.",
        ),
    ],
)
def test_faults_are_one_sentence(make: Driver, request_: dict[str, Any], kind: str, reason: str) -> None:
    answer = make.row("fault", request_)
    assert answer.kind == kind
    assert reason in answer.text
    assert make.log("fault", "err").endswith(answer.text + "\n")
    assert "Traceback" not in make.log("fault", "err")
    assert not (make.workspace / "cwl/step/fault.json").exists()


def test_a_condition_that_is_false(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["maybe"])) as driver:
        shutil.copy(TOOLS / "letter.txt", driver.workspace)
        assert driver.row("0", {"size": 3}).seconds == ()
        assert driver.result("cwl/step", "0") == {"greeting": None}
        assert driver.row("1", {"size": 4, "name": "you"}).kind == "done"
        assert text(driver, driver.result("cwl/step", "1")["greeting"]) == "hello you !\n"


def test_a_workflow_in_one_job(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["lengths"])) as driver:
        shutil.copy(TOOLS / "letter.txt", driver.workspace)
        assert driver.row("0", {"words": ["a", "b"]})[:3] == ("done", "", (0, 0))
        assert [text(driver, each) for each in driver.result("cwl/step", "0")["all"]] == ["hello a !\n", "hello b !\n"]


def test_an_expression_that_throws(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["failing"])) as driver:
        answer = driver.row("0", {"size": 3})
    assert answer.kind == "broken"
    assert answer.text == (
        "choice.cwl:37:7: step failing: This expression fails: "
        "TypeError: Cannot read properties of undefined (reading 'such')"
    )
    assert len(driver.log("0", "err").splitlines()) == 1


def test_a_container_gets_mounts(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["image"])) as driver:
        letter = driver.workspace / "letter.txt"
        letter.write_text("dear", encoding="utf-8")
        answer = driver.row("0", {"letter": {"class": "File", "location": "workspace:letter.txt"}}, "image")
        refused = driver.row("1", {"letter": {"class": "File", "location": "workspace:letter.txt"}})
    mounts = {destination: (source, mode) for source, destination, mode in answer.mounts}
    assert mounts["/inner"] == (f"{driver.workspace}/cwl/step/0", "rw")
    assert mounts["/inner/next.txt"] == (str(letter), "ro")
    assert mounts["/tmp"][1] == "rw"
    assert mounts["/etc/own.conf"][1] == "ro"
    assert answer.isolated
    assert answer.script.startswith("cd /inner || exit 1\nexec env HOME=/inner ")
    assert answer.script.endswith(" cat < /inner/next.txt > /inner/copy.txt\n")
    assert refused.kind == "broken"
    assert "/etc/own.conf" in refused.text


def test_a_container_has_a_network_as_in_reana(frozen: dict[str, Any], tmp_path: Path) -> None:
    with Driver(tmp_path, task(frozen["image"], strict=False)) as driver:
        (driver.workspace / "letter.txt").write_text("dear", encoding="utf-8")
        answer = driver.row("0", {"letter": {"class": "File", "location": "workspace:letter.txt"}}, "image")
    assert answer.script
    assert not answer.isolated


def test_a_server_that_cannot_begin(tmp_path: Path) -> None:
    with Driver(tmp_path, task({"document": {}})) as driver:
        assert driver.row("0", {}).kind == "broken"


def test_outputs(tmp_path: Path) -> None:
    outputs = {
        "one": {"$out": ["cwl/a", "file"]},
        "other": {"$items": [{"$out": ["cwl/b", "file"]}, 3]},
        "all": {"$out": ["cwl/b", "all"]},
    }
    with Driver(tmp_path, {"kind": "outputs", "outputs": outputs, "checksum": True}) as driver:
        for name in ("a", "b"):
            folder = driver.workspace / f"cwl/{name}"
            folder.mkdir(parents=True)
            (folder / "same x.txt").write_text(name, encoding="utf-8")
            (folder / "sub").mkdir()
            (folder / "sub/deep").write_text("deep", encoding="utf-8")
            file = {"class": "File", "location": f"workspace:cwl/{name}/same%20x.txt"}
            directory = {"class": "Directory", "location": f"workspace:cwl/{name}/sub", "basename": "sub"}
            (folder.parent / f"{name}.json").write_text(json.dumps({"file": file, "all": directory}), encoding="utf-8")
        for _ in range(2):
            assert driver.row("0", {}).kind == "done"
            made = json.loads((driver.workspace / "cwl/outputs.json").read_bytes())
            assert made["one"]["location"] == "workspace:outputs/same%20x.txt"
            assert made["other"][0]["location"] == "workspace:outputs/same%20x.txt_2"
            assert made["other"][1] == 3
            assert made["one"]["checksum"] == "sha1$86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
            assert (driver.workspace / "outputs/same x.txt_2").read_text(encoding="utf-8") == "b"
            assert (driver.workspace / "outputs/sub/deep").samefile(driver.workspace / "cwl/b/sub/deep")
            assert made["all"]["listing"][0]["location"] == "workspace:outputs/sub/deep"


def test_a_file_that_two_outputs_name_is_linked_once(tmp_path: Path) -> None:
    outputs = {"first": {"$out": ["cwl/a", "file"]}, "second": {"$out": ["cwl/b", "file"]}}
    with Driver(tmp_path, {"kind": "outputs", "outputs": outputs, "checksum": False}) as driver:
        (driver.workspace / "cwl/a").mkdir(parents=True)
        (driver.workspace / "cwl/a/x").write_text("x", "utf-8")
        (driver.workspace / "cwl/b").symlink_to("a")
        for name in ("a", "b"):
            file = {"class": "File", "location": f"workspace:cwl/{name}/x"}
            (driver.workspace / f"cwl/{name}.json").write_text(json.dumps({"file": file}), "utf-8")
        assert driver.row("0", {}).kind == "done"
        made = json.loads((driver.workspace / "cwl/outputs.json").read_bytes())
        assert made["first"]["location"] == made["second"]["location"] == "workspace:outputs/x"
