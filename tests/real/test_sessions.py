"""Sessions on the real systems: a real Jupyter, and a real browser that can reach the network of the box alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.docs.pages import PROGRAMS

from .conftest import PATIENCE, Desk, eventually, serial

pytestmark = pytest.mark.site

BARE = ("--set", "container_runtime=none")
JUPYTER = {"PATH": "/opt/venv/jupyter/bin:/usr/local/bin:/usr/bin:/bin"}
CHROMIUM = PROGRAMS / "headless-chromium"
LAPTOP = Path(__file__).parent / "laptop.sh"
# A cell that reads the workspace, and asks where it runs.
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "look",
            "metadata": {},
            "source": 'print("the number is", int(open("number.txt").read()) + 1)',
            "execution_count": None,
            "outputs": [],
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def browser(desk: Desk, tmp_path: Path) -> Iterator[Browser]:
    """A Chromium in the network of the box, where it is as near to the server as the end of a tunnel."""
    if not CHROMIUM.exists():
        pytest.skip("LEFT OUT: there is no Chromium here; make docs installs one")
    process = desk.box.path("/").parts[2]
    program = tmp_path / "chromium"
    program.write_text(f'#!/bin/bash\nexec nsenter --net=/proc/{process}/ns/net {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, timeout=PATIENCE * 30_000)
        yield found
        found.close()


def as_bob(desk: Desk, *command: str) -> str:
    """Return what a command of another user prints."""
    ended = desk.box.root("setpriv", "--reuid=bob", "--regid=bob", "--init-groups", *command, check=False)
    return ended.stdout + ended.stderr


def from_a_laptop(desk: Desk, url: str, line: str) -> tuple[str, str]:
    """Return what another machine gets from the address: the code of the answer, and the page while ssh runs there."""
    desk.copy(LAPTOP, LAPTOP.name)
    said = desk.box.root("bash", f"{desk.folder}/{LAPTOP.name}", url, *line.split()[1:]).stdout
    code, _, page = said.partition("\n")
    return code, page


def in_the_queue(desk: Desk) -> list[str]:
    return [*desk.slurm_jobs(), *desk.condor_jobs()]


def _runs(page: Page, cell: Locator, output: Locator) -> bool:
    """Run a cell, and return whether its output has come soon.

    JupyterLab forgets a cell that is run before its kernel is there, or asks in a dialog which kernel to start.
    """
    kernel = page.locator("dialog.jp-Dialog .jp-mod-accept")
    if kernel.is_visible():
        kernel.click()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(3000)
    return output.is_visible()


def test_a_notebook_on_a_worker(desk: Desk, site: str, browser: Browser) -> None:
    desk.write("reana.yaml", serial("echo 41 > number.txt"))
    name = desk.run("--site", site, *BARE)
    assert desk.wait(name)["status"] == "finished"
    eventually(lambda: in_the_queue(desk) == [])
    desk.write(f"runs/{name}/workspace/look.ipynb", json.dumps(NOTEBOOK))
    here = ("--runs", "runs", "-w", name)

    opened = desk.reana_batch("open", *here, "--runtime", "20m", env=JUPYTER).stdout
    url = re.findall(r"http://\S+", opened)[0]
    port = url.partition("127.0.0.1:")[2].partition("/")[0]
    [line] = re.findall(r"ssh -N -L .*", opened)
    way = "login.site.test" if site == "generic-htcondor" else "-J login.site.test n[1-4]"
    assert re.fullmatch(f"ssh -N -L {port}:127.0.0.1:{port} {way}", line)
    [session] = desk.status(name)["sessions"]
    assert (session["status"], str(session["port"]), session["time_limit"]) == ("open", port, 1200)
    assert len(in_the_queue(desk)) == 1

    page = browser.new_page()
    page.set_default_timeout(PATIENCE * 30_000)
    page.goto(url)
    expect(page.locator(".jp-DirListing-itemText", has_text="number.txt")).to_be_visible(timeout=PATIENCE * 30_000)
    page.locator(".jp-DirListing-itemText", has_text="look.ipynb").dblclick()
    cell = page.locator(".jp-Notebook .jp-CodeCell").first
    output = cell.locator(".jp-OutputArea-output", has_text="the number is 42")
    eventually(lambda: _runs(page, cell, output), said=lambda: page.locator("body").inner_text())

    before, through = from_a_laptop(desk, url, line)
    assert before == "000"
    assert "<title>JupyterLab</title>" in through

    asked = as_bob(desk, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/api/contents")
    assert asked == "403"
    folder = f"{desk.folder}/runs/{name}/sessions/jupyter"
    assert "Permission denied" in as_bob(desk, "cat", f"{folder}/token")
    token = url.partition("token=")[2]
    processes = as_bob(desk, "ps", "axww")
    assert "jupyter" in processes
    assert token not in processes
    assert token not in desk.file(f"runs/{name}/sessions/jupyter/log")

    desk.reana_batch("close", *here)
    assert in_the_queue(desk) == []
    assert desk.status(name)["sessions"] == []


# The image of the box has a small Python, without the modules and the libraries that Jupyter needs.
JUPYTER_IMAGE = """
cp -a /opt/images/py "$0" && mkdir -p "$0/opt/venv" && cp -a /opt/venv/jupyter "$0/opt/venv"
cp -aT /usr/lib/python3.13 "$0/usr/lib/python3.13"
ldd /usr/lib/python3.13/lib-dynload/*.so | awk '$2 == "=>" {print $3}' | sort -u | xargs cp -nL --parents -t "$0"
ln -s /opt/venv/jupyter/bin/jupyter* "$0/usr/local/bin"
"""


def test_a_notebook_in_an_image(desk: Desk) -> None:
    image = f"{desk.folder}/image"
    desk.box.root("bash", "-euc", JUPYTER_IMAGE, image)
    desk.write("reana.yaml", serial("true"))
    name = desk.run("--site", "generic-slurm", *BARE)
    desk.wait(name)
    here = ("--runs", "runs", "-w", name)
    opened = desk.reana_batch("open", *here, "--image", image).stdout
    url = re.findall(r"http://\S+", opened)[0]
    assert "<title>JupyterLab</title>" in desk.box.alice("curl", "-s", url).stdout
    desk.reana_batch("close", *here)
    assert in_the_queue(desk) == []


def test_a_worker_without_jupyter_says_so_at_once(desk: Desk, site: str) -> None:
    desk.write("reana.yaml", serial("true"))
    name = desk.run("--site", site, *BARE)
    desk.wait(name)
    here = ("--runs", "runs", "-w", name)
    refused = desk.reana_batch("open", *here, check=False, env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
    assert "did not open: jupyter is not installed" in refused.stderr
    refused = desk.reana_batch("open", *here, "--image", "/opt/images/py.sif", check=False)
    assert "did not open: jupyter is not installed in the image" in refused.stderr
    eventually(lambda: in_the_queue(desk) == [])
