"""The results of a run's tests as a JUnit report, which GitLab and others show.

Source of the format: GitLab's manual, "Unit test reports", and github.com/testmoapp/junitxml.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from reana_batch.lifecycle.acceptance import ScenarioResult
from reana_batch.printable import printable


def junit_report(results: Sequence[ScenarioResult]) -> bytes:
    """Return the report as XML: a suite for each test file, and a case for each scenario."""
    top = ElementTree.Element("testsuites")
    for file in dict.fromkeys(each.file for each in results):
        own = [each for each in results if each.file == file]
        skipped = sum(each.skipped for each in own)
        failed = sum(bool(each.problem) for each in own) - skipped
        counts = {"tests": len(own), "failures": failed, "skipped": skipped}
        texts = {name: str(count) for name, count in counts.items()}
        suite = ElementTree.SubElement(top, "testsuite", {"name": printable(file), **texts})
        for each in own:
            _case(suite, each)
    ElementTree.indent(top)
    text: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _case(suite: ElementTree.Element, result: ScenarioResult) -> None:
    names = {"classname": printable(result.file), "name": printable(result.name), "file": printable(result.file)}
    case = ElementTree.SubElement(suite, "testcase", names)
    if result.problem:
        kind = "skipped" if result.skipped else "failure"
        ElementTree.SubElement(case, kind, {"message": printable(f"{result.step}: {result.problem}")})
