"""The report on a run: its facts, what follows from them, its charts and its page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from reana_batch import layout
from reana_batch.diagnostics import Refused
from reana_batch.ir import Need, Pattern
from reana_batch.lifecycle.status import status
from reana_batch.report import page as pages
from reana_batch.report import run_files, run_reading, vega
from reana_batch.report.charts import charts
from reana_batch.report.run_facts import (
    File,
    Job,
    RunFacts,
    Source,
    Spread,
    Step,
    at_once,
    graph,
    lanes,
    listed,
    listed_steps,
    spread,
    with_ready_times,
)
from reana_batch.report.run_reading import run_facts
from reana_batch.run import inputs as recorded
from reana_batch.run import run_json
from reana_batch.run.parts import Run
from tests import report_runs
from tests.lifecycle.flows import scatter, write_run

PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def step(number: int, *needs: int, rows: int = 1, label: str = "", patterns: tuple[str, ...] = ()) -> Step:
    return Step(number, f"s{number}", label or f"s{number}", "reana.yaml:1", rows, needs, patterns)


def job(number: int, row: int = 0, started: int = 0, ended: int = 0, state: str = "finished") -> Job:
    return Job(number, row, state, started=started, ended=ended)


# --- what follows from the facts ----------------------------------------------------------------------


def test_a_spread_has_the_quarters_of_the_known_numbers() -> None:
    assert spread([4, None, 1, 2, 3, 5]) == Spread(5, 1, 2, 3, 4, 5)
    assert spread([7]) == Spread(1, 7, 7, 7, 7, 7)
    assert spread([None]) is None


def test_a_job_is_ready_when_its_parents_have_ended() -> None:
    steps = [step(0, rows=2), step(1, 0, rows=2, patterns=("each",)), step(2, 1), step(3, 2, patterns=("needs.0",))]
    jobs = [
        job(0, 0, 10, 20),
        job(0, 1, 10, 50),
        job(1, 0, 25, 30),
        job(1, 1, 55, 60),
        job(2, 0, 61, 70),
        job(3, 0, 80, 90),
        job(2, 1),
    ]
    assert [each.waited for each in with_ready_times(steps, jobs, submitted=5)] == [5, 5, 5, 5, 1, None, None]


def test_the_batch_system_knows_when_a_job_was_submitted() -> None:
    steps = [step(0), step(1, 0, patterns=("needs.0",))]
    jobs = [job(0, 0, 10, 20), Job(1, 0, "finished", submitted=35, started=40, ended=50)]
    assert [each.waited for each in with_ready_times(steps, jobs, submitted=5)] == [5, 5]


def test_a_job_that_started_before_the_last_submission_has_no_known_wait() -> None:
    [only] = with_ready_times([step(0)], [job(0, 0, 10, 20)], submitted=100)
    assert (only.ready, only.waited) == (0, None)


def test_no_two_jobs_of_a_lane_overlap() -> None:
    jobs = [job(0, 0, 10, 20), job(0, 1, 12, 14), job(0, 2, 15, 30), job(0, 3, 20, 25), job(0, 4)]
    assert [(each.row, lane) for each, lane in lanes(jobs, 40)] == [(0, 0), (1, 1), (2, 1), (3, 0)]


def test_the_jobs_at_once_are_counted_exactly() -> None:
    jobs = [job(0, 0, 100, 110), job(0, 1, 110, 120), job(0, 2, 112, 114), job(0, 3, 115, 0, "running"), job(0, 4)]
    assert at_once(jobs, 100, 120, 4) == [1, 1, 2, 2]
    assert at_once([job(0, 0, 100, 120)], 100, 120, 4) == [1, 1, 1, 1]


def test_of_many_jobs_the_urgent_and_the_slowest_are_listed() -> None:
    jobs = [job(0, row, 10, 11 + row) for row in range(3000)]
    jobs[5] = job(0, 5, 10, 11, "failed")
    jobs[6] = job(0, 6, 10, 0, "running")
    found = listed(RunFacts("r.1", "running", steps=(step(0, rows=3000),), jobs=tuple(jobs)))
    assert len(found) == 1000
    assert [each.row for each in found] == [5, 6, *range(2002, 3000)]


def test_steps_of_one_name_are_drawn_as_one_if_there_are_many() -> None:
    steps = tuple(step(number, *([number - 2] if number > 1 else []), label="ab"[number % 2]) for number in range(100))
    nodes = graph(RunFacts("r.1", "created", steps=steps))
    assert [(node.label, node.target, node.parents) for node in nodes] == [("a", 0, ()), ("b", 1, ())]
    assert len(graph(RunFacts("r.1", "created", steps=steps[:60]))) == 60


def test_of_many_steps_those_that_the_graph_leads_to_and_the_urgent_are_listed() -> None:
    steps = tuple(step(number, label=f"l{number % 50}") for number in range(1000))
    jobs = tuple(job(number, 0, 10, 11, "failed" if number == 900 else "finished") for number in range(1000))
    facts = RunFacts("r.1", "failed", steps=steps, jobs=jobs)
    chosen = [each.number for each in listed_steps(facts)]
    assert len(chosen) == 300
    assert set(chosen) >= {*range(50), 900}
    text = pages.page(facts)
    assert "The run has 1,000 steps. The tables have 300 of them" in text
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r' id="([^"]+)"', text))


def test_the_page_of_ten_thousand_steps_is_small() -> None:
    steps = tuple(step(number, *([number - 7] if number > 7 else [])) for number in range(10_000))
    jobs = tuple(job(number, 0, 10, 11) for number in range(10_000))
    text = pages.page(RunFacts("r.1", "finished", steps=steps, jobs=jobs))
    assert len(text.encode()) < 2_000_000
    assert "which are too many to draw" in text


def test_the_page_says_whether_jobs_ran_in_their_image() -> None:
    steps = tuple(replace(step(number), image="a:1@sha256:12", in_image=bool(number)) for number in range(2))
    text = pages.page(RunFacts("r.1", "created", steps=steps))
    rows = re.findall(r"<code>a:1</code></th><td>(.*?)</tr>", text)
    assert ["sha256:12" in row for row in rows] == [True, True]
    assert [re.findall(r"<td>(yes|no: on the machine itself)</td>", row) for row in rows] == [
        ["no: on the machine itself"],
        ["yes"],
    ]


# --- what is read of a run ----------------------------------------------------------------------------


def test_a_run_that_failed(tmp_path: Path) -> None:
    facts = report_runs.failed(tmp_path / "r.1").facts()
    assert (facts.name, facts.state, len(facts.jobs)) == ("r.1", "failed", 103)
    assert facts.counts == {"finished": 40, "running": 0, "failed": 9, "lost": 0, "waiting": 54}
    group = facts.failures[0]
    assert (group.step, group.count, group.rows) == ("skim", 3, (3, 17, 18))
    first = group.jobs[0]
    assert (first.row, first.command) == (17, "run --chunk=<all> & wait\n")
    assert first.log.splitlines()[0] == "reading chunk 17"
    assert "merge: 1 job not started, because skim failed (through select)." in facts.notes
    assert facts.steps[0].credentials == ("kerberos",)
    assert facts.steps[1].memory is None, "GNU make gets no such request"
    assert {each.waited is None for each in facts.jobs_by_step[1]} == {False}


def test_what_an_expansion_adds_waits_for_its_planner(tmp_path: Path) -> None:
    write_run(tmp_path / "r.1", scatter("a", "true"), scatter("more", "true", needs=(Need("a"),)))
    manifest = tmp_path / "r.1" / layout.MANIFEST
    more = {"name": "more", "label": "more", "origin": "reana.yaml:1", "reason": "files"}
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"expansions": [more]}))
    added = scatter("c", "true", 2), scatter("d", "true", 2, needs=(Need("c", Pattern.EACH),)), scatter("e", "true")
    write_run(tmp_path / "r.1" / layout.expansion_folder("more"), *added)
    steps = run_facts(status(tmp_path / "r.1"), str).steps
    assert [(each.name, each.needs, each.patterns) for each in steps] == [
        ("a", (), ()),
        ("more", (0,), ("all",)),
        ("more/c", (1,), ("all",)),
        ("more/d", (2,), ("each",)),
        ("more/e", (1,), ("all",)),
    ]


def test_a_job_without_a_record_of_its_end_is_lost(tmp_path: Path) -> None:
    story = report_runs.finished(tmp_path / "r.1")
    for path in (tmp_path / "r.1/state/fit").glob("*.done"):
        path.unlink()
    run_json.note(tmp_path / "r.1", stopped=report_runs.START + 900)
    assert story.facts().counts["lost"] == 12


def test_many_ways_to_fail_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_reading, "_MOST_GROUPS", 1)
    facts = report_runs.failed(tmp_path / "r.1").facts()
    assert (len(facts.failures), facts.more_failures) == (1, 1)
    assert "Jobs failed in 1 more way," in pages.page(facts)


def test_a_run_of_which_nothing_ran(tmp_path: Path) -> None:
    facts = report_runs.created(tmp_path / "r.1").facts()
    assert (facts.state, facts.started, facts.ended, facts.elapsed, facts.busy) == ("created", 0, 0, None, None)
    assert set(charts(facts)) == {"graph"}


def test_the_analysis_is_shown_as_it_is_and_its_age_is_told(tmp_path: Path) -> None:
    write_run(tmp_path / "r.1", scatter("a", "true"))
    spec = tmp_path / "reana.yaml"
    spec.write_text("one\ntwo\n")
    run_json.note(tmp_path / "r.1", spec=str(spec), created=spec.stat().st_mtime + 5)

    def source() -> Source:
        return run_facts(status(tmp_path / "r.1"), str).sources[0]

    assert (source().name, source().lines) == ("reana.yaml", ("one", "two"))
    assert source().note == f"As {spec} is now: it has not been changed since the run was made."
    os.utime(spec, (2e9, 2e9))
    assert "it has been changed since the run was made, and the run keeps no copy" in source().note
    spec.unlink()
    assert (source().lines, source().note) == ((), f"Not shown: {spec}: No such file or directory.")


# --- files --------------------------------------------------------------------------------------------


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Return the folder ``out`` of a run, which the analysis declares as its output."""
    write_run(tmp_path / "r.1", scatter("a", "true"), outputs=("out/*", "gone.txt"))
    folder = tmp_path / "r.1/workspace/out"
    folder.mkdir(parents=True)
    return folder


def found(folder: Path) -> dict[str, File]:
    return {each.path: each for each in run_files.outputs(Run(folder.parents[1])).listed}


def test_outputs_have_sizes_and_checksums(outputs: Path) -> None:
    (outputs / "a.txt").write_bytes(b"abc")
    (outputs / "link.png").symlink_to("/etc/hostname")
    files = found(outputs)
    assert files["out/a.txt"].size == 3
    assert files["out/a.txt"].checksum == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (files["out/link.png"].note, files["out/link.png"].picture) == ("It is a link.", "")
    assert (files["gone.txt"].size, files["gone.txt"].note) == (None, "Not there.")


def test_pictures_are_in_the_page_if_they_are_what_their_names_say(outputs: Path) -> None:
    (outputs / "a.png").write_bytes(PICTURE)
    (outputs / "b.png").write_text("<script>")
    (outputs / "c.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    files = found(outputs)
    assert files["out/a.png"].picture.startswith("data:image/png;base64,iVBOR")
    assert files["out/c.svg"].picture.startswith("data:image/svg+xml;base64,")
    assert (files["out/b.png"].picture, files["out/b.png"].note) == (
        "",
        "Not shown, because it is not what its name says.",
    )


def test_a_large_picture_becomes_a_smaller_copy(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    Image.frombytes("RGB", (1500, 500), os.urandom(1500 * 500 * 3)).save(outputs / "a.png")
    [only] = [each for each in found(outputs).values() if each.size]
    assert only.picture.startswith("data:image/jpeg;base64,/9j/")
    assert only.note == "The picture is a smaller copy."
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install pillow" in found(outputs)["out/a.png"].note


def test_pictures_that_cannot_be_shown_say_why(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (outputs / "a.png").write_bytes(PICTURE * 2000)
    (outputs / "b.svg").write_text(f"<svg>{' ' * 200_000}</svg>")
    assert found(outputs)["out/a.png"].note == "Not shown, because it cannot be made smaller."
    assert found(outputs)["out/b.svg"].note == "Not shown, because it is too large."
    monkeypatch.setattr(run_files, "_MOST_PICTURES", 150)
    for name in "ab":
        (outputs / f"{name}.png").write_bytes(PICTURE)
    files = found(outputs)
    assert [bool(files[f"out/{name}.png"].picture) for name in "ab"] == [True, False]
    assert files["out/b.png"].note == "Not shown, because the pictures before it are large."


def png(width: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a picture of one row, with these chunks."""
    head = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), *chunks)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.filterwarnings("default")
def test_damaged_and_monstrous_pictures_are_left_out_in_silence(
    outputs: Path, recwarn: pytest.WarningsRecorder
) -> None:
    half = zlib.compress(os.urandom(200_000))
    (outputs / "a.png").write_bytes(png(300_000, (b"IDAT", half[:160_000]), (b"\xbcr\x01\x02", b"")))
    (outputs / "b.png").write_bytes(png(100_000_000, (b"IDAT", half)))
    (outputs / "c.png").write_bytes(png(1, (b"IDAT", half)).replace(b"\0\0\0\rIHDR", b"\0\0\0\x05IHDR"))
    assert {each.note for each in found(outputs).values() if each.size} == {
        "Not shown, because it cannot be made smaller."
    }
    assert not recwarn.list


def test_inputs_that_changed_since_they_were_copied_are_told(tmp_path: Path) -> None:
    write_run(tmp_path / "r.1", scatter("a", "true"))
    (tmp_path / "r.1/workspace/in.txt").write_text("new")
    recorded.write(tmp_path / "r.1", {"in.txt": (1, 1), "gone.txt": (1, 1)})
    files = run_files.inputs(Run(tmp_path / "r.1")).listed
    assert [(each.path, each.note) for each in files] == [
        ("gone.txt", "Not there."),
        ("in.txt", "Changed since it was copied."),
    ]


def test_what_is_too_much_is_counted(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "_MOST_FILES", 2)
    monkeypatch.setattr(run_files, "_MOST_HASHED", 4)
    for name in "abcd":
        (outputs / name).write_text("xyz")
    files = run_files.outputs(Run(outputs.parents[1]))
    assert [each.note for each in files.listed] == ["", "No checksum, because it is too large."]
    assert (files.more, files.more_bytes) == (3, 6)


# --- the page -----------------------------------------------------------------------------------------


def test_text_of_others_is_quoted(tmp_path: Path) -> None:
    text = report_runs.failed(tmp_path / "r.1").page()
    assert "<b>" not in text
    assert "plot &lt;/script&gt;&lt;b&gt;&#34;&amp;&#39;" in text
    assert "ValueError: &lt;b&gt;bad&lt;/b&gt; run 17" in text
    assert "\x1b" not in text
    assert text.count("</script>") == 1


def test_only_its_own_script_runs_in_the_page(tmp_path: Path) -> None:
    text = report_runs.created(tmp_path / "r.1").page()
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert f"script-src 'sha256-{digest}';" in policy
    assert "base-uri 'none'; form-action 'none'" in policy


def test_files_of_like_names_have_lines_of_their_own() -> None:
    steps = tuple(replace(step(number), origin=f"{name}:1") for number, name in enumerate(("a/b.smk", "a-b.smk")))
    sources = (Source("a/b.smk", ("one",)), Source("a-b.smk", ("two",)))
    text = pages.page(RunFacts("r.1", "created", steps=steps, sources=sources))
    places = re.findall(r'<a href="#(source-[^"]*)"', text)
    assert len(set(places)) == 2
    assert [text.count(f'id="{place}"') for place in set(places)] == [1, 1]


def test_the_page_is_complete_and_asks_for_nothing(tmp_path: Path) -> None:
    text = report_runs.finished(tmp_path / "r.1").page()
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', text) == []
    assert "@import" not in text
    assert "url(" not in text
    anchors = set(re.findall(r' id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= anchors
    assert len(re.findall(r' id="([^"]+)"', text)) == len(anchors)


def test_the_page_of_ten_thousand_jobs_is_small(tmp_path: Path) -> None:
    story = report_runs.finished(tmp_path / "r.1", rows=4540)
    facts = story.facts()
    assert len(facts.jobs) > 9_900
    text = story.page()
    assert len(text.encode()) < 2_000_000
    assert "The table has 1,000 of them" in text


def test_the_page_of_a_hundred_thousand_jobs_is_as_small() -> None:
    jobs = tuple(job(row % 2, row, 1000 + row, 1100 + row) for row in range(100_000))
    facts = RunFacts("r.1", "finished", steps=(step(0, rows=50_000), step(1, 0, rows=50_000)), jobs=jobs)
    assert len(pages.page(facts).encode()) < 1_000_000


def test_durations_are_short_texts() -> None:
    assert [pages.duration(each) for each in (None, 0, 0.25, 59, 60, 3600, 90061)] == [
        "-", "0 s", "0.2 s", "59 s", "1 min", "1 h", "1 d 1 h",
    ]  # fmt: skip


def test_without_the_library_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(Refused) as refused:
        vega.demand_library()
    (fault,) = refused.value.diagnostics.errors
    assert (fault.code, str(fault.hint)) == ("missing-tool", "pip install 'reana-batch[charts]'")


# --- the charts ---------------------------------------------------------------------------------------


def drawn(facts: RunFacts, chart: str = "timeline") -> str:
    """Return a chart of a wide page."""
    return str(charts(facts)[chart].wide)


def axis_of(drawn: str) -> tuple[list[str], str]:
    """Return the labels of the axis of times, and its title."""
    return re.findall(r">((?:\d\d \w\w\w)?(?: ?[\d:]{5,8})?)</text>", drawn), re.findall(r">(Time[^<]*)</text>", drawn)[
        0
    ]


@pytest.mark.parametrize(
    ("seconds", "labels", "title"),
    [
        (1, ["00:00:00", "00:00:01"], "Time (UTC), 02 Jan 2027"),
        (7200, ["00:00", "00:30", "01:00", "01:30", "02:00"], "Time (UTC), 02 Jan 2027"),
        (2 * 86400, [f"0{day} Jan {hour:02}:00" for day in (2, 3) for hour in (0, 6, 12, 18)], "Time (UTC)"),
        (8 * 86400, [f"{day:02} Jan" for day in range(2, 11)], "Time (UTC)"),
    ],
)
def test_the_axis_of_times_has_round_ones_that_are_not_cut_off(seconds: int, labels: list[str], title: str) -> None:
    first = 1798848000  # midnight
    facts = RunFacts("r.1", "finished", steps=(step(0),), jobs=(job(0, 0, first, first + seconds),))
    assert axis_of(drawn(facts)) == (labels, title)


def test_a_clock_that_is_ahead_or_goes_back_leaves_all_jobs_in_the_chart() -> None:
    jobs = (job(0, 0, 900, 850), job(1, 0, 700, 800), job(2, 0, 2000, 0, "running"))
    facts = RunFacts("r.1", "running", seen=1000, steps=(step(0), step(1), step(2)), jobs=jobs)
    assert (facts.end_of_view, facts.elapsed) == (2000, 1300)
    shown = drawn(facts)
    width = vega.WIDE.fitted(["s0"]).plot
    for left, right in re.findall(r'd="M([\d.-]+),[\d.-]+L([\d.-]+),', shown):
        assert float(left) <= float(right) <= width + 1


def test_failed_jobs_are_known_without_colours(tmp_path: Path) -> None:
    shown = charts(report_runs.failed(tmp_path / "r.1").facts())["timeline"]
    assert str(shown.wide).count(">\N{MULTIPLICATION SIGN}</text>") == 9
    assert "A cross is after each job" in shown.note
    assert "cross" not in charts(report_runs.finished(tmp_path / "r.2").facts())["timeline"].note


def test_names_get_the_room_that_they_need() -> None:
    assert [vega.WIDE.fitted(["a" * length]).names for length in (1, 20, 26, 99)] == [90, 158, 202, 202]
    assert vega.shortened("a rather long name of step 12", 16) == "a rather l…ep 12"


def test_a_long_chain_is_drawn_in_lines() -> None:
    def size(drawn: str) -> tuple[float, float]:
        [found] = re.findall(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', drawn)
        return float(found[0]), float(found[1])

    steps = tuple(step(number, *([number - 1] if number else [])) for number in range(13))
    chain = charts(RunFacts("r.1", "created", steps=steps))["graph"]
    width, height = size(chain.wide)
    assert 1000 < width < 1070
    assert height < 250
    assert size(chain.narrow)[1] > 800
    branched = (*steps[:-1], replace(steps[-1], needs=(0, 11)))
    assert size(charts(RunFacts("r.1", "created", steps=branched))["graph"].wide)[1] > 800


def test_no_chart_has_a_group_of_marks_without_any() -> None:
    """A screen reader would say that a picture is there, and nothing about it."""
    facts = RunFacts("r.1", "finished", steps=(step(0),), jobs=(replace(job(0, 0, 10, 20), memory=1 << 20),))
    found = charts(facts)
    assert set(found) == {"graph", "timeline", "durations", "memory"}
    for chart in found.values():
        assert re.findall(r'<g[^>]* role="graphics-symbol"[^>]*></g>', chart.wide + chart.narrow) == []


def test_the_points_and_boxes_of_durations_are_explained() -> None:
    jobs = tuple(job(0, row, 10, 11 + row) for row in range(6))
    facts = RunFacts("r.1", "finished", steps=(step(0, rows=6), step(1)), jobs=(*jobs, job(1, 0, 20, 30)))
    assert charts(facts)["durations"].note == (
        "Half of the jobs of a step are in its box, and the line in it is the median. Each dot is a job."
    )
    assert charts(replace(facts, jobs=jobs))["durations"].note.count("Each dot") == 0


def test_a_chart_names_its_jobs_for_screen_readers(tmp_path: Path) -> None:
    drawn = charts(report_runs.failed(tmp_path / "r.1").facts())
    assert set(drawn) == {"graph", "timeline", "durations", "memory"}
    assert 'aria-label="skim, job 3: failed, ' in drawn["timeline"].wide
    assert '<a href="#step-1">' in drawn["graph"].wide
    assert "report.invalid" not in json.dumps([*map(str, (each.wide + each.narrow for each in drawn.values()))])


def test_many_jobs_are_drawn_as_curves(tmp_path: Path) -> None:
    timeline = charts(report_runs.failed(tmp_path / "r.1", rows=500).facts())["timeline"]
    assert "40 at once" in timeline.wide
    assert timeline.note == "Each curve shows how many jobs of a step ran at the same time. A red dot is a failure."
    assert len(timeline.wide) < 100_000


def test_cpu_time_is_a_part_of_the_cpus_that_jobs_asked_for() -> None:
    jobs = [replace(job(0, row, 10, 20), cpu=cpu) for row, cpu in enumerate((10.0, 5.0, None))]
    assert pages._cpu_share(jobs, 1) == 0.75
    assert pages._cpu_share(jobs, 2) == 0.375
    assert pages._cpu_share(jobs[2:], 2) is None
