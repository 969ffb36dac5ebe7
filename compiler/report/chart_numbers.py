"""The charts of what the jobs of each step took: of time, and of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reana_batch.report.chart_timeline import MOST_STEPS
from reana_batch.report.run_facts import RunFacts, Spread, Step, spread
from reana_batch.report.vega import Size, Spec, Strip, colour, layer, pixels, strips, tick_step, value, with_axis

_FEW = 5  # jobs of a step that are drawn as points
_ROW = 26  # pixels of a step
_MEBIBYTE = 1 << 20
_BOXES = "Half of the jobs of a step are in its box, and the line in it is the median."
_POINTS = "Each dot is a job."
# The ticks of an axis of seconds whose ticks have equal ratios.
_TICKS = (1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 86400, 259200, 604800)
_SECONDS = (
    "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? format(datum.value / 60, '.3~g') + ' min' : "
    "datum.value < 86400 ? format(datum.value / 3600, '.3~g') + ' h' : format(datum.value / 86400, '.3~g') + ' d'"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A step with the numbers of its jobs."""

    step: Step
    numbers: Sequence[float]
    spread: Spread


def _rows(facts: RunFacts, field: str) -> tuple[list[_Row], str]:
    """Return the steps of which numbers are known, and a sentence if others have smaller ones and are left out."""
    found = []
    for step in facts.steps:
        values = (getattr(job, field) for job in facts.jobs_by_step.get(step.number, ()))
        numbers = sorted(number for number in values if number is not None)
        if known := spread(numbers):
            found.append(_Row(step, numbers, known))
    largest = {row.step.number for row in sorted(found, key=lambda row: -row.spread.most)[:MOST_STEPS]}
    shown = [row for row in found if row.step.number in largest]
    note = f"These are the {len(shown)} of {len(found):,} steps with the largest values."
    return shown, note if len(shown) < len(found) else ""


def _strips(rows: Sequence[_Row]) -> list[Strip]:
    return [Strip(row.step.label, index * _ROW + 2, _ROW - 4) for index, row in enumerate(rows)]


# --- time -------------------------------------------------------------------------------------------


def durations_chart(facts: RunFacts, size: Size) -> tuple[Spec | None, str]:
    """Return the chart of how long jobs took, and a sentence about it. There is none if no job has ended."""
    rows, note = _rows(facts, "seconds")
    if not rows:
        return None, ""
    found, height = _strips(rows), len(rows) * _ROW
    boxes = [_box(row, strip) for row, strip in zip(rows, found, strict=True) if len(row.numbers) >= _FEW]
    points = [
        each for row, strip in zip(rows, found, strict=True) if len(row.numbers) < _FEW for each in _points(row, strip)
    ]
    axis, down, middle = _seconds(rows, size), pixels("y", height, down=True), pixels("middle", height, down=True)
    said = {"description": value("words")}
    line = {"type": "rule", "stroke": "var(--running)", "strokeWidth": 1.5, "aria": False}
    box = {"type": "rect", "fill": "var(--running)", "stroke": "var(--running)", "cornerRadius": 2}
    half = {"type": "rule", "stroke": "var(--panel)", "strokeWidth": 2, "aria": False}
    point = {"type": "point", "filled": True, "size": 60, "color": "var(--running)", "opacity": 0.8}
    layers = [
        *strips(found, size, height),
        layer(boxes, line, x=axis | value("least"), x2=value("most"), y=middle),
        layer(boxes, box, x=axis | value("low"), x2=value("high"), y=down, y2=value("y2"), **said),
        layer(boxes, half, x=axis | value("half"), y=down, y2=value("y2")),
        layer(points, point, x=axis | value("number"), y=middle, **said),
    ]
    words = [_BOXES] * bool(boxes) + [_POINTS] * bool(points) + [note] * bool(note)
    return with_axis(layers, size, height), " ".join(words)


def _box(row: _Row, strip: Strip) -> dict[str, Any]:
    known = row.spread
    words = (
        f"{row.step.label}, {known.count:,} jobs: from {known.least:,.3g} s to {known.most:,.3g} s, "
        f"half of them at most {known.middle:,.3g} s"
    )
    numbers = {"least": known.least, "low": known.low, "half": known.middle, "high": known.high, "most": known.most}
    return {"y": strip.top + 5, "y2": strip.top + strip.height - 5, "middle": strip.middle, "words": words, **numbers}


def _points(row: _Row, strip: Strip) -> list[dict[str, Any]]:
    words = f"{row.step.label}: " + ", ".join(f"{number:,.3g} s" for number in row.numbers)
    return [{"number": number, "middle": strip.middle, "words": words} for number in row.numbers]


def _seconds(rows: Sequence[_Row], size: Size) -> Spec:
    """Return an axis of seconds. If the durations differ much, its ticks have equal ratios."""
    least, most = min(row.spread.least for row in rows), max(1, *(row.spread.most for row in rows))
    if most <= 60 * max(least, 1):
        step = tick_step(most, size)
        scale: Spec = {"domain": [0, most * 1.03], "nice": False}
        return _axis(scale, [step * number for number in range(int(most // step) + 1)], "Time of a job")
    first = max((tick for tick in _TICKS if tick <= least), default=1)
    ticks = [tick for tick in _TICKS if first <= tick <= most]
    scale = {"type": "log", "domain": [first * 0.8, most * 1.1], "nice": False, "clamp": True}
    return _axis(scale, ticks[:: -(-len(ticks) // (size.ticks + 1))], "Time of a job (logarithmic)")


def _axis(scale: Spec, ticks: Sequence[float], title: str) -> Spec:
    axis = {"values": ticks, "labelExpr": _SECONDS, "title": title}
    return {"type": "quantitative", "scale": scale, "axis": axis}


# --- memory -----------------------------------------------------------------------------------------


def memory_chart(facts: RunFacts, size: Size) -> tuple[Spec | None, str]:
    """Return the chart of the memory that jobs used and asked for. There is none if no job wrote down its use."""
    rows, note = _rows(facts, "memory")
    if not rows:
        return None, ""
    found, height = _strips(rows), len(rows) * _ROW
    bars = [_bar(row, strip) for row, strip in zip(rows, found, strict=True)]
    most = max(max(bar["used"], bar["asked"] or 0) for bar in bars)
    scale = {"domain": [0, most * 1.03], "nice": False}
    axis = {"type": "quantitative", "scale": scale, "axis": {"title": "Memory in MiB", "tickCount": size.ticks}}
    area = {"y": pixels("y", height, down=True), "y2": value("y2")}
    bar = {"type": "rect", "cornerRadius": 2}
    asked = {"type": "rule", "stroke": "var(--text)", "strokeWidth": 2, "aria": False}
    layers = [
        *strips(found, size, height),
        layer(bars, bar, x=axis | value("zero"), x2=value("used"), color=colour(), description=value("words"), **area),
        layer([bar for bar in bars if bar["asked"]], asked, x=axis | value("asked"), **area),
    ]
    line = "The line is what its jobs ask for. " if any(bar["asked"] for bar in bars) else ""
    return with_axis(layers, size, height), line + note


def _bar(row: _Row, strip: Strip) -> dict[str, Any]:
    used, asked = row.spread.most, row.step.memory
    of = f" of the {asked / _MEBIBYTE:,.0f} MiB that it asks for" if asked else "; it asks for none"
    return {
        "y": strip.top + 4,
        "y2": strip.top + strip.height - 4,
        "zero": 0,
        "used": used / _MEBIBYTE,
        "asked": asked / _MEBIBYTE if asked else None,
        "state": "failed" if asked and used > asked else "running",
        "words": f"{row.step.label}: a job used at most {used / _MEBIBYTE:,.0f} MiB{of}",
    }
