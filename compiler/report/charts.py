"""The charts of the report on a run."""

from __future__ import annotations

from dataclasses import dataclass

from reana_batch.report.chart_graph import graph_chart
from reana_batch.report.chart_numbers import durations_chart, memory_chart
from reana_batch.report.chart_timeline import timeline_chart
from reana_batch.report.run_facts import RunFacts
from reana_batch.report.vega import NARROW, WIDE, svg
from reana_batch.writing.render import Verbatim

_CHARTS = {"graph": graph_chart, "timeline": timeline_chart, "durations": durations_chart, "memory": memory_chart}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as SVG for wide pages and for narrow ones, with a sentence on how to read it or on what it leaves out."""

    wide: Verbatim
    narrow: Verbatim
    note: str = ""


def charts(facts: RunFacts) -> dict[str, Chart]:
    """Return the charts that there are facts for, by name."""
    found = {}
    sizes = [size.fitted(step.label for step in facts.steps) for size in (WIDE, NARROW)]
    for name, make in _CHARTS.items():
        (wide, note), (narrow, _) = (make(facts, size) for size in sizes)
        if wide and narrow:
            found[name] = Chart(svg(wide), svg(narrow), note)
    return found
