"""The path of the workspace in commands: the mark that stands for it, and links to workspaces of odd paths."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reana_batch.ir import Column, Rows
from reana_batch.site import Site
from tests.bash import Bash, Ended
from tests.unit.test_job_script import Run, command, compiled, step

MARK = "$REANA_WORKSPACE"
LINKS = Path(f"/tmp/reana-batch.{os.geteuid()}")  # the folder that jobs use

ODD = [
    *("two words", "it's", 'say "hi"', "cost $HOME", "100%", "back\\slash", "two\nlines", "größe 日本", "a*b", "a{b,c}"),
    *("~", "a;b", "a&b", "`id`", "$(id)", "#1", "a=b:c,d@e+f", "tab\there", f"x{MARK}y"),
]  # fmt: skip


def link_name(path: str) -> str:
    return hashlib.sha1(path.encode()).hexdigest()  # a name, not a secret


def set_path(bash: Bash, path: str, *, mark: str = MARK) -> Ended:
    """Call the function with the test's own folder of links."""
    facts = {"REANA_WORKSPACE": path, "links": str(bash.directory / "links"), "workspace_mark": mark}
    return bash("set_workspace_path", facts=facts, asked=("workspace_path", "lacking"))


@pytest.fixture
def links(bash: Bash) -> Path:
    return bash.directory / "links"


# --- the path -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/data/user-1/runs/fit.1/workspace", "/A_b/c.d/workspace", "/data/-n/workspace"])
def test_a_safe_path_is_itself(path: str, bash: Bash, links: Path) -> None:
    ended = set_path(bash, path)
    assert (ended.code, ended["workspace_path"], links.exists()) == (0, path, False)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_path_is_that_of_a_link(name: str, bash: Bash, links: Path) -> None:
    path = f"/data/{name}/workspace"
    for _ in range(2):  # a second job finds the link
        ended = set_path(bash, path)
        assert (ended.code, ended.stderr) == (0, "")
        assert ended["workspace_path"] == str(links / link_name(path))
    assert os.readlink(str(ended["workspace_path"])) == path
    assert [each.name for each in links.iterdir()] == [link_name(path)]
    assert links.stat().st_mode & 0o7777 == 0o700


def test_a_step_without_the_mark_makes_no_link(bash: Bash, links: Path) -> None:
    ended = set_path(bash, "/two words/workspace", mark="")
    assert (ended.code, links.exists()) == (0, False)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_locale_does_not_make_a_path_safe(locale: str, bash: Bash, links: Path) -> None:
    facts = {"REANA_WORKSPACE": "/é/workspace", "links": str(links), "workspace_mark": MARK}
    ended = bash("set_workspace_path", facts=facts, asked=("workspace_path",), environment={"LC_ALL": locale})
    assert str(ended["workspace_path"]).startswith(f"{links}/")


def test_many_jobs_at_once_make_one_link(bash: Bash, links: Path) -> None:
    start = "for i in {1..20}; do (set_workspace_path && [[ $workspace_path -ef $REANA_WORKSPACE ]] && echo good) & done; wait"
    facts = {"REANA_WORKSPACE": f"{bash.directory}/a b", "links": str(links), "workspace_mark": MARK}
    bash.write("a b/file")
    ended = bash.run(start, part="job/workspace", facts=facts)
    assert (ended.stdout, ended.stderr) == ("good\n" * 20, "")
    assert len(list(links.iterdir())) == 1


# --- a folder of links that is not this user's ----------------------------------------------------


def taken_by_a_link(links: Path) -> None:
    (links.parent / "own").mkdir(mode=0o700)
    links.symlink_to("own")


def taken_by_a_dangling_link(links: Path) -> None:
    links.symlink_to("nowhere")


def taken_by_a_file(links: Path) -> None:
    links.write_text("")
    links.chmod(0o700)


def open_to_others(links: Path) -> None:
    links.mkdir()
    links.chmod(0o777)


def readable_by_others(links: Path) -> None:
    links.mkdir()
    links.chmod(0o755)


def of_another_user(links: Path) -> None:
    links.mkdir(mode=0o700)
    os.chown(links, 12345, 12345)


HOSTILE = [taken_by_a_link, taken_by_a_dangling_link, taken_by_a_file, open_to_others, readable_by_others]
if os.geteuid() == 0:
    HOSTILE.append(of_another_user)


def everything(directory: Path) -> list[str]:
    return sorted(str(path) for path in directory.rglob("*") if path.name != "calls")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_folder_of_links_that_others_can_change_is_refused(hostile: Any, bash: Bash, links: Path) -> None:
    hostile(links)
    before = everything(bash.directory)
    ended = set_path(bash, "/a b/workspace")
    lacks = f"no link to the workspace can be made, because {links} is not a folder of this user with mode 0700"
    assert (ended.code, ended["lacking"]) == (94, lacks)
    assert ended.stderr == f"reana-batch: {lacks} on here\n"
    assert everything(bash.directory) == before


def test_a_link_to_another_place_is_refused(bash: Bash, links: Path) -> None:
    links.mkdir(mode=0o700)
    link = links / link_name("/a b/workspace")
    link.symlink_to("/elsewhere")
    ended = set_path(bash, "/a b/workspace")
    assert (ended.code, ended["lacking"]) == (94, f"the link {link} to the workspace cannot be made")
    assert os.readlink(link) == "/elsewhere"


def test_the_folder_of_links_is_in_tmp(bash: Bash) -> None:
    ended = bash.run("", part="job/workspace", asked=("links",))
    assert ended["links"] == str(LINKS)


# --- the mark -------------------------------------------------------------------------------------

TEXTS = {
    "cat $REANA_WORKSPACE/a '$REANA_WORKSPACE/b' \"$REANA_WORKSPACE\"": "cat PATH/a 'PATH/b' \"PATH\"",
    "$REANA_WORKSPACE$REANA_WORKSPACE": "PATHPATH",
    "REANA_WORKSPACE ${REANA_WORKSPACE} $REANA": "REANA_WORKSPACE ${REANA_WORKSPACE} $REANA",
    "größe \\$REANA_WORKSPACE & \\n\n\n": "größe \\PATH & \\n\n\n",
    "": "",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("path", ["/safe", "/tmp/&/\\&/\\1/$x"])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_each_mark_is_replaced(text: str, path: str, locale: str, bash: Bash) -> None:
    facts = {"workspace_mark": MARK, "workspace_path": path}
    ended = bash("fill_in", text, facts=facts, asked=("script",), environment={"LC_ALL": locale})
    assert (ended.code, ended["script"]) == (0, TEXTS[text].replace("PATH", path))


@pytest.mark.parametrize("mark", ["[a-z]*", "?", "\\", "a'b", "%", "#", "/"])
def test_a_mark_is_not_a_pattern(mark: str, bash: Bash) -> None:
    facts = {"workspace_mark": mark, "workspace_path": "/p"}
    assert bash("fill_in", f"x{mark}y", facts=facts, asked=("script",))["script"] == "x/py"


def test_the_locale_of_the_job_stays(bash: Bash) -> None:
    facts = {"workspace_mark": MARK, "workspace_path": "/p", "REANA_WORKSPACE": "/p"}
    ended = bash.run(
        'set_workspace_path; fill_in ä; echo "${#script} ${LC_ALL-}"; printenv LC_ALL',
        part="job/workspace",
        facts=facts,
        environment={"LC_ALL": "C.UTF-8"},
    )
    assert ended.stdout == "1 C.UTF-8\nC.UTF-8\n"


# --- jobs -----------------------------------------------------------------------------------------

HERE_DOCUMENT = "cat >>told <<'END'\n$REANA_WORKSPACE/x\nEND\n"


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Path]:
    """Return a directory for a run whose path has odd characters. Its link is deleted after the test."""
    directory = tmp_path / 'it\'s "a run" for 100% of $HOME'
    yield directory
    (LINKS / link_name(f"{directory}/workspace")).unlink(missing_ok=True)


def safe_path(run: Run) -> str:
    return str(LINKS / link_name(str(run.workspace)))


def lines(run: Run, name: str = "told") -> list[str]:
    return (run.workspace / name).read_text().splitlines()


def test_a_literal_command_has_the_path(tmp_path: Path) -> None:
    run = compiled(tmp_path / "run", step("fit", HERE_DOCUMENT, "echo $0 >>told", workspace=MARK))
    assert run.job("fit").returncode == 0
    assert lines(run) == [f"{run.workspace}/x", f"{run.directory}/state/fit/running-0"]
    assert [path.name for path in (run.directory / "state/fit").iterdir() if "running" in path.name] == []


def test_commands_without_the_mark_run_from_their_files(tmp_path: Path) -> None:
    run = compiled(tmp_path / "run", step("fit", "echo $0 >>told", workspace=MARK))
    assert run.job("fit").returncode == 0
    assert lines(run) == [f"{run.directory}/batch/steps/fit/command.1"]
    assert "workspace_mark" not in (run.directory / "batch/steps/fit/job.sh").read_text()


def test_pieces_and_cells_have_the_path_also_where_they_meet(odd: Path) -> None:
    table = Rows(("cell", "end"), ((f"{MARK}/a", "SPACE/b"), (f"'{MARK}'", "SPACE")))
    pieces = command("echo ", Column("cell"), " $REANA_WORK", Column("end"), f" {MARK} >>told")
    run = compiled(odd, step("fit", pieces, table=table, workspace=MARK), site=Site(rows_per_job=2))
    assert run.job("fit").returncode == 0
    path = safe_path(run)
    assert lines(run) == [f"{path}/a {path}/b {path}", f"{path} {path} {path}"]


def test_a_script_of_another_language_has_the_path(odd: Path) -> None:
    run = compiled(
        odd, step("fit", f"python3 - <<'END'\nopen('{MARK}/told', 'w').write('''{MARK}''')\nEND\n", workspace=MARK)
    )
    assert run.job("fit").returncode == 0
    assert lines(run) == [safe_path(run)]


def test_commands_before_and_after_have_the_path(odd: Path) -> None:
    around = {"before": command(f"mkdir -p {MARK}/d"), "after": command(f"cp {MARK}/d/x {MARK}/y")}
    run = compiled(odd, step("fit", f"echo ran >{MARK}/d/x", outputs=("y",), workspace=MARK, **around))
    assert run.job("fit").returncode == 0
    assert lines(run, "y") == ["ran"]


def test_a_failed_row_keeps_the_command_with_the_path(odd: Path) -> None:
    run = compiled(odd, step("fit", f"cat {MARK}/missing", workspace=MARK))
    assert run.job("fit").returncode == 1
    assert (run.directory / "state/fit/0.command").read_text() == f"cat {safe_path(run)}/missing"
    assert (run.directory / "batch/steps/fit/command.1").read_text() == f"cat {MARK}/missing"


def test_a_run_that_was_moved_has_the_new_path(odd: Path, tmp_path: Path) -> None:
    run = compiled(odd, step("fit", f"echo {MARK} >>told; [[ -e {MARK}/cured ]]", workspace=MARK))
    assert run.job("fit").returncode == 1
    moved = Run(odd.rename(tmp_path / "moved"))
    (moved.workspace / "cured").touch()
    assert moved.job("fit").returncode == 0
    assert lines(moved) == [safe_path(run), str(moved.workspace)]


def test_two_users_compile_the_same_bytes(tmp_path: Path) -> None:
    steps = step("fit", f"cat {MARK}/x", workspace=MARK)
    first, second = (compiled(tmp_path / name, steps).directory / "batch" for name in ("a", "b"))
    assert subprocess.run(["diff", "-r", first, second], check=False).returncode == 0


def test_a_job_without_a_link_says_why(odd: Path, tmp_path: Path) -> None:
    run = compiled(odd, step("fit", f"touch {MARK}/ran", workspace=MARK))
    library = run.directory / "batch/job-lib.sh"
    taken = tmp_path / "taken"
    taken.symlink_to("nowhere")
    library.write_text(library.read_text().replace("links=/tmp/reana-batch.$EUID\n", f"links={taken}\n"))
    assert run.job("fit").returncode == 94
    record = run.record("fit/0.failed")
    assert record["reason"] == "worker"
    assert record["detail"] == (
        f"no link to the workspace can be made, because {taken} is not a folder of this user with mode 0700"
    )
    assert list(run.workspace.iterdir()) == []


def mounts(bash: Bash, root: str, **facts: str) -> list[str]:
    """Return what a container of a run gets mounted."""
    bash.program("apptainer")
    given: dict[str, Any] = {
        "root": root,
        "REANA_WORKSPACE": f"{root}/workspace",
        "workspace_path": f"{root}/workspace",
        "container_runtime": "apptainer",
        "row_time_limit": "",
        "images": ("docker://a",),
        "binds": (),
        "cvmfs": (),
        "container_home": "yes",
        **facts,
    }
    launcher = bash("set_launcher", facts=given, asked=("launcher",))["launcher"]
    return [word for word in launcher or () if word.startswith("type=bind")]


@pytest.mark.parametrize("linked", [False, True])
def test_a_container_gets_the_folder_of_links_if_it_needs_it(linked: bool, bash: Bash, links: Path) -> None:
    more = {"workspace_path": f"{links}/0"} if linked else {}
    assert mounts(bash, "/runs/a b", links=str(links), **more) == [
        'type=bind,"source=/runs/a b","destination=/runs/a b"',
        *([f"type=bind,source={links},destination={links}"] if linked else []),
    ]


def test_a_container_of_a_restart_gets_the_workspace_of_its_run(bash: Bash) -> None:
    """The runs are in a folder that is a link. In the container, it is not a link."""
    bash.write("real/a.1/workspace/file")
    bash.write("real/a.1.1/file")
    runs = bash.directory / "runs"
    runs.symlink_to("real")
    (runs / "a.1.1/workspace").symlink_to("../a.1/workspace")
    real = bash.directory / "real/a.1/workspace"
    assert mounts(bash, f"{runs}/a.1.1") == [
        f'type=bind,"source={runs}/a.1.1","destination={runs}/a.1.1"',
        f'type=bind,"source={real}","destination={runs}/a.1/workspace"',
    ]
