"""The chart of when the jobs of a run waited and ran: a bar for each, or of many jobs a curve for each step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from reana_batch.report.run_facts import SHOWN, Job, RunFacts, Step, at_once, counts_of, lanes
from reana_batch.report.vega import (
    LETTER,
    Size,
    Spec,
    Strip,
    colour,
    layer,
    pixels,
    strips,
    tick_step,
    value,
    with_axis,
)

MOST_STEPS = 40  # that a chart shows
_MOST_BARS = 400
_CURVE = 44  # pixels
_GAP = 6
_BAD = {"failed", "lost"}


def timeline_chart(facts: RunFacts, size: Size) -> tuple[Spec | None, str]:
    """Return the chart and a sentence about it. There is none if no job has started."""
    steps = [step for step in facts.steps if any(job.started for job in facts.jobs_by_step.get(step.number, ()))]
    if not steps:
        return None, ""
    shown = steps[:MOST_STEPS]
    part = f"These are the first {len(shown)} of {len(steps):,} steps. " if len(shown) < len(steps) else ""
    if sum(bool(job.started) for step in shown for job in facts.jobs_by_step[step.number]) <= _MOST_BARS:
        return _bars(facts, shown, size), f"{part}Pale bars are the time that a job waited to start.{_crosses(facts)}"
    note = "Each curve shows how many jobs of a step ran at the same time. A red dot is a failure."
    return _curves(facts, shown, size), part + note


def _time(facts: RunFacts, size: Size, first: int, field: str) -> Spec:
    """Return the channel of a time in seconds since 1970, with the axis."""
    last = max(facts.end_of_view, first + 1)
    step = tick_step(last - first, size)
    days = [time.strftime("%d %b %Y", time.gmtime(moment)) for moment in (first, last)]
    title = "Time (UTC)" if days[0] != days[1] else f"Time (UTC), {days[0]}"
    form = _form(step, one_day=days[0] == days[1])
    # The middle of a label is at its tick. One that is too near to the end would be cut off.
    room = (last - first) * (len(time.strftime(form)) * LETTER / 2 - size.right) / size.plot
    ticks = [moment * 1000 for moment in range(-(-first // step) * step, last + 1, step) if last - moment >= room]
    scale = {"type": "utc", "domain": [first * 1000, last * 1000], "nice": False}
    axis = {"format": form, "values": ticks, "title": title}
    return {"field": field, "type": "temporal", "scale": scale, "axis": axis}


def _form(step: int, *, one_day: bool) -> str:
    """Return how the ticks of an axis say their times."""
    if step < 60:
        return "%H:%M:%S"
    if one_day:
        return "%H:%M"
    return "%d %b" if step % 86400 == 0 else "%d %b %H:%M"


def _crosses(facts: RunFacts) -> str:
    return " A cross is after each job that failed or is lost." if _BAD & counts_of(facts.jobs).keys() else ""


# --- a bar for each job ------------------------------------------------------------------------------


def _bars(facts: RunFacts, steps: Sequence[Step], size: Size) -> Spec:
    packed = [(step, lanes(facts.jobs_by_step[step.number], facts.end_of_view)) for step in steps]
    count = sum(1 + max(lane for _, lane in jobs) for _, jobs in packed)
    thick = 20 if count <= 30 else 12 if count <= 80 else 6
    first = min(job.ready or job.started for _, jobs in packed for job, _ in jobs)
    found, bars, top = [], [], 0
    for step, jobs in packed:
        strip = Strip(step.label, top, max((1 + max(lane for _, lane in jobs)) * thick, 20))
        found.append(strip)
        bars += [_bar(facts, step, job, strip.top + lane * thick, thick) for job, lane in jobs]
        top += int(strip.height) + _GAP
    waits = [bar | {"end": bar["start"], "start": bar["ready"]} for bar in bars if bar["ready"]]
    down = pixels("y", top, down=True)
    area = {"x": _time(facts, size, first, "start"), "x2": value("end"), "y": down, "y2": value("y2")}
    frame = {"type": "rect", "cornerRadius": 2, "strokeWidth": 1}
    # Readers who do not tell red from green need it.
    cross = {
        "type": "text",
        "text": "\N{MULTIPLICATION SIGN}",
        "align": "left",
        "dx": 4,
        "fontSize": 14,
        "fontWeight": 700,
        "aria": False,
    }
    bad = [bar for bar in bars if bar["state"] in _BAD]
    end = {"x": _time(facts, size, first, "end"), "y": pixels("middle", top, down=True)}
    layers = [
        *strips(found, size, top),
        layer(waits, {"type": "rect", "fill": "var(--wait)", "aria": False}, **area),
        layer(bars, frame, **area, color=colour(), stroke=colour(), description=value("words")),
        layer(bad, cross | {"color": "var(--text)"}, **end),
    ]
    return with_axis(layers, size, top)


def _bar(facts: RunFacts, step: Step, job: Job, top: float, thick: float) -> dict[str, Any]:
    return {
        "y": top + thick * 0.15,
        "y2": top + thick * 0.85,
        "middle": top + thick / 2,
        "ready": job.ready * 1000 if job.waited else 0,
        "start": job.started * 1000,
        "end": max(job.ended or facts.end_of_view, job.started) * 1000,
        "state": job.state,
        "words": _words(step, job),
    }


def _words(step: Step, job: Job) -> str:
    row = f", job {job.row:,}" if step.rows > 1 else ""
    took = f", {job.seconds:,} s" if job.seconds is not None else ""
    waited = f", waited {job.waited:,} s" if job.waited is not None else ""
    host = f", on {job.host}" if job.host else ""
    return f"{job.label or step.label}{row}: {SHOWN[job.state]}{took}{waited}{host}"


# --- a curve for each step ---------------------------------------------------------------------------


def _curves(facts: RunFacts, steps: Sequence[Step], size: Size) -> Spec:
    found, areas, dots = [], [], []
    for index, step in enumerate(steps):
        counts = at_once(facts.jobs_by_step[step.number], facts.started, facts.end_of_view, size.bins)
        strip = Strip(step.label, index * (_CURVE + _GAP), _CURVE, f"{max(counts):,} at once")
        found.append(strip)
        areas += list(_area(facts, step, strip, counts))
        dots += [{"time": moment, "y": strip.top + _CURVE - 5} for moment in _failures(facts, step, size)]
    height = len(steps) * (_CURVE + _GAP)
    moment, down = _time(facts, size, facts.started, "time"), pixels("y", height, down=True)
    area = {"type": "area", "interpolate": "step-after", "color": "var(--running)", "fillOpacity": 0.75}
    dot = {"type": "point", "filled": True, "size": 24, "color": "var(--failed)", "opacity": 1, "aria": False}
    layers = [
        *strips(found, size, height),
        layer(areas, area, x=moment, y=down, y2=value("base"), detail=value("step"), description=value("words")),
        layer(dots, dot, x=moment, y=down),
    ]
    return with_axis(layers, size, height)


def _moment(facts: RunFacts, part: float) -> float:
    """Return the time, in milliseconds, when this part of the shown time has passed."""
    return (facts.started + max(facts.end_of_view - facts.started, 1) * part) * 1000


def _area(facts: RunFacts, step: Step, strip: Strip, counts: Sequence[int]) -> Iterator[dict[str, Any]]:
    base, most, words = strip.top + strip.height, max(counts), f"{strip.label}: {strip.word} at most"
    for index, count in enumerate([*counts, 0]):
        moment = _moment(facts, index / len(counts))
        yield {
            "time": moment,
            "y": base - strip.height * count / most,
            "base": base,
            "step": step.number,
            "words": words,
        }


def _failures(facts: RunFacts, step: Step, size: Size) -> list[float]:
    """Return the times at which jobs of a step failed, one for each part of the time that has any."""
    took = max(facts.end_of_view - facts.started, 1)
    ends = [job.ended for job in facts.jobs_by_step[step.number] if job.state == "failed" and job.ended]
    return [
        _moment(facts, part / size.bins) for part in sorted({(e - facts.started) * size.bins // took for e in ends})
    ]
