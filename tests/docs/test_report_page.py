"""Reports on runs as readers see them: in Chromium, on a desk and on a phone, in light and in dark colours."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from reana_batch.report import page as pages
from tests import ci_local, report_runs

from .browser import SCHEMES, WIDTHS, Opener, faults, is_dark
from .pages import PROGRAMS, REWRITE, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

# About 10,000 jobs.
STORIES: dict[str, Callable[[Path], report_runs.Story]] = {
    "created": report_runs.created,
    "failed": report_runs.failed,
    "finished": report_runs.finished,
    "large": partial(report_runs.finished, rows=4540),
}
# What an image must have. It belongs to no other site, and is one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d4944415478da63fcffff3f0300050001ff5ba5a0410000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files with the reports on the runs of the stories."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name, make in STORIES.items():
        story = make(folder / f"{name}.1")
        picture = story.directory / "workspace/results/plot.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(PIXEL)
        found[name] = folder / f"{name}.html"
        found[name].write_text(story.page(), "utf-8")
    return found


def visit(page: Page, report: Path) -> list[str]:
    """Open a report. Return the list to which the messages of its console are added."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    return said


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", STORIES)
def test_it_can_be_read(
    open_page: Opener, reports: dict[str, Path], foreign: list[str], name: str, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    said = visit(page, reports[name])
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert faults(page) == []
    assert is_dark(page) == (scheme == "dark")
    assert (said, foreign) == ([], [])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["failed", "finished", "large"])
def test_its_charts_are_drawn(open_page: Opener, reports: dict[str, Path], name: str, width: int) -> None:
    page = open_page(width)
    visit(page, reports[name])
    for chart in ("graph", "timeline", "durations"):
        drawn = page.locator(f"#chart-{chart} svg >> visible=true")
        assert drawn.count() == 1
        box, frame = drawn.bounding_box(), page.locator(f"#chart-{chart}").bounding_box()
        assert box
        assert frame
        assert box["height"] > 50
        assert 200 < box["width"] <= frame["width"] or chart == "graph"
        marks = drawn.locator("[role='graphics-symbol']:not([aria-roledescription='axis'])")
        assert marks.count() >= 3
        assert all(mark["width"] > 0 and mark["height"] > 0 for mark in map(_box, marks.all()))


def _box(mark: Locator) -> Mapping[str, float]:
    box: Mapping[str, float] = mark.evaluate("each => each.getBoundingClientRect().toJSON()")
    return box


def test_a_box_of_the_graph_leads_to_its_step(open_page: Opener, reports: dict[str, Path]) -> None:
    page = open_page()
    visit(page, reports["failed"])
    assert page.locator("#chart-graph .wide a").count() == 7
    page.locator("#chart-graph .wide a").nth(1).click()
    assert page.evaluate("document.querySelector(':target').innerText").startswith("skim")


def test_the_filters_choose_jobs(open_page: Opener, reports: dict[str, Path]) -> None:
    page = open_page()
    visit(page, reports["failed"])
    rows = page.locator("#job-table tbody tr >> visible=true")
    assert rows.count() == 40 + 8 + 40 + 1 + 1 + 12 + 1
    page.get_by_role("combobox", name="State").select_option("failed")
    assert rows.all_inner_texts() == [text for text in rows.all_inner_texts() if "failed" in text]
    assert rows.count() == 3 + 6, "the batch system ended those of calibrate"
    page.get_by_role("combobox", name="Step").select_option(label="skim")
    assert (rows.count(), page.locator("output").inner_text()) == (3, "3 jobs")
    page.get_by_role("combobox", name="Step").select_option(label="merge")
    assert (rows.count(), page.locator("output").inner_text()) == (0, "0 jobs")
    page.get_by_role("combobox", name="State").select_option("")
    assert rows.count() == 1


def test_a_mark_says_what_it_is_next_to_the_pointer(open_page: Opener, reports: dict[str, Path]) -> None:
    page = open_page()
    visit(page, reports["failed"])
    assert not page.locator("#tip").is_visible()
    page.locator("#chart-timeline .wide [aria-label^='skim, job 3:']").hover()
    assert page.locator("#tip").inner_text().startswith("skim, job 3: failed, ")


def test_it_can_be_used_by_keyboard(open_page: Opener, reports: dict[str, Path]) -> None:
    page = open_page()
    visit(page, reports["failed"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert not page.evaluate("document.activeElement.parentElement.open")


def test_without_scripts_all_jobs_are_there(reports: dict[str, Path], chromium: Any) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(reports["failed"].as_uri())
    assert page.locator("#job-table tbody tr").count() == 103
    assert not page.locator("form.filters").is_visible()
    page.close()


def test_it_prints_in_light_colours_and_whole(open_page: Opener, reports: dict[str, Path]) -> None:
    page = open_page(800, "dark")
    visit(page, reports["failed"])
    page.emulate_media(media="print")
    assert not is_dark(page)
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.tall')).maxHeight") == "none"
    assert page.pdf().startswith(b"%PDF")


# Pixels of A4 without the margins of a printer.
_PAPER = 718


@pytest.mark.parametrize("name", STORIES)
def test_nothing_is_cut_off_on_paper(open_page: Opener, reports: dict[str, Path], name: str) -> None:
    page = open_page(_PAPER)
    visit(page, reports[name])
    page.emulate_media(media="print")
    wide = "[...document.querySelectorAll('table, svg, pre')].filter(each => each.getBoundingClientRect().right > innerWidth)"
    assert page.evaluate(f"{wide}.map(each => each.parentElement.getAttribute('aria-label'))") == []


@pytest.mark.parametrize("chart", ["timeline", "durations", "memory"])
def test_charts_are_whole_on_the_narrowest_phone(open_page: Opener, reports: dict[str, Path], chart: str) -> None:
    page = open_page(320)
    visit(page, reports["failed"])
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    frame = page.locator(f"#chart-{chart} .narrow")
    assert frame.evaluate("each => each.scrollWidth <= each.clientWidth")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["created", "failed"])
def test_axe_finds_no_barrier(open_page: Opener, reports: dict[str, Path], name: str, scheme: str) -> None:
    page = open_page(1300, scheme)
    visit(page, reports[name])
    # The page's policy allows what is in it alone; the test reads the script before the page has one.
    page.evaluate((ci_local.tool("axe-core") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert len(found["passes"]) > 20


# --- the picture in the README ------------------------------------------------------------------------

PICTURE = ROOT / "docs/report.png"


def test_the_readme_shows_the_report_on_the_sample(open_page: Opener, tmp_path: Path) -> None:
    """REWRITE_GOLDEN=1 makes the picture again."""
    page = open_page(1160)
    visit(page, report_on_dimuon(tmp_path))
    page.set_viewport_size({"width": 1160, "height": 4000})
    end = page.locator("#durations").bounding_box()
    assert end
    taken = page.screenshot(clip={"x": 0, "y": 0, "width": 1160, "height": end["y"] + end["height"] + 20})
    image = Image.open(io.BytesIO(taken))
    if REWRITE:
        image.quantize(64).save(PICTURE, optimize=True)
    assert PICTURE.stat().st_size < 200_000
    with Image.open(PICTURE) as shown:
        assert abs(shown.height - image.height) < 100, "accept the new page with REWRITE_GOLDEN=1"
    assert "(docs/report.png)" in (ROOT / "README.md").read_text("utf-8")


def report_on_dimuon(folder: Path) -> Path:
    """Run the sample, with so many events that its steps take seconds. Return the file with its report."""
    words = ["run", "--site", "local", "-f", str(ROOT / "samples/dimuon"), "-w", "dimuon", "-p", "events=4000000"]
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    program = [str(PROGRAMS / "reana-batch"), *words, "--runs", str(folder)]
    subprocess.run(program, check=True, capture_output=True, env=os.environ | {"PATH": path})
    facts = report_runs.Story(folder / "dimuon.1").facts()
    shown = replace(
        facts, directory="/home/alice/runs/dimuon.1", analysis="/home/alice/dimuon/reana.yaml", host="laptop", ids=()
    )
    report = folder / "dimuon.html"
    report.write_text(pages.page(shown), "utf-8")
    return report
