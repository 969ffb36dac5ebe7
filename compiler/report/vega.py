"""Vega-Lite specifications for the charts of a report, and the SVG that vl-convert makes of them.

Colours are the variables of the page's style sheet, so that a chart is light or dark as the page is. Each chart is drawn
twice: for wide pages and for narrow ones. Vega writes the labels for screen readers, and quotes all text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reana_batch.diagnostics import refuse
from reana_batch.report.run_facts import STATES
from reana_batch.writing.render import Verbatim

Spec = dict[str, Any]
Records = Sequence[Mapping[str, Any]]
# The version of Vega-Lite. Later ones may draw differently.
_VERSION = "6.4"
# Vega completes links with an address. This one is taken off again.
_BASE = "https://report.invalid/"
_CONFIG: Spec = {
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    },
    "text": {"fontSize": 12},
}


@dataclass(frozen=True, slots=True)
class Size:
    """The width of a page, in pixels, and what follows from it."""

    width: int
    names: int  # pixels for the names of steps
    letters: int  # of a name
    bins: int  # parts of the time
    ticks: int
    right: int = 20  # pixels after the end of an axis

    @property
    def plot(self) -> int:
        """The width of a chart without names."""
        return self.width - self.names - self.right

    @property
    def is_wide(self) -> bool:
        return self.width >= WIDE.width

    def fitted(self, labels: Iterable[str]) -> Size:
        """Return the size with only as much room for names as these need."""
        longest = max((min(len(label), self.letters) for label in labels), default=0)
        return replace(self, names=min(self.names, max(_LEAST_NAMES, round(12 + LETTER * longest))))


WIDE = Size(1050, names=205, letters=26, bins=160, ticks=8, right=32)
NARROW = Size(336, names=90, letters=12, bins=60, ticks=3)
_LEAST_NAMES = 90  # pixels; curves have a few words of their own
LETTER = 7.3  # pixels of a letter in a wide font
# Seconds between the ticks of an axis.
_STEPS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000)


def demand_library() -> None:
    """Raise Refused if the library that draws the charts is not installed."""
    try:
        import vl_convert  # noqa: F401  # svg uses it
    except ImportError:
        message = "vl-convert draws the charts of a report, but it is not installed."
        raise refuse("missing-tool", message, hint="pip install 'reana-batch[charts]'") from None


def svg(spec: Spec) -> Verbatim:
    """Return a chart as SVG. It reads no file and no address."""
    import vl_convert

    text = vl_convert.vegalite_to_svg({"config": _CONFIG, **spec}, vl_version=_VERSION, allowed_base_urls=[])
    return Verbatim(text.replace(f'xlink:href="{_BASE}', 'href="'))


# --- parts of a specification -------------------------------------------------------------------------


def layer(records: Records, mark: str | Spec, **channels: Spec) -> Spec:
    """Return a layer: these records, each drawn with a mark."""
    return {"data": {"values": list(records)}, "mark": mark, "encoding": channels}


def layered(layers: Iterable[Spec], width: float, height: float) -> Spec:
    """Return a chart of layers without axes. Layers without records are left out: screen readers would name them."""
    around = {"left": 3, "right": 3, "top": 3, "bottom": 3}
    return {
        "layer": [each for each in layers if each["data"]["values"]],
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": around,
    }


def with_axis(layers: Iterable[Spec], size: Size, height: float) -> Spec:
    """Return a chart with room for the names of steps on its left, and for an axis below it.

    The room is fixed, because the fonts of the page are not those that Vega measures.
    """
    around = {"left": size.names, "right": size.right, "top": 3, "bottom": 46}
    return layered(layers, size.plot, height) | {"padding": around}


def link(step: int) -> str:
    """Return the address of a step in the page."""
    return f"{_BASE}#step-{step}"


def colour() -> Spec:
    """Return the channel that gives the field ``state`` its colour."""
    scale = {"domain": list(STATES), "range": [f"var(--{state})" for state in STATES]}
    return {"field": "state", "type": "nominal", "scale": scale, "legend": None}


def pixels(field: str, most: float, *, down: bool = False) -> Spec:
    """Return a channel whose values are pixels, from the left or from the top, of a chart with so many."""
    scale = {"domain": [0, most], "nice": False, "zero": False, "reverse": down}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": None}


def tick_step(seconds: float, size: Size) -> int:
    """Return the seconds between the ticks of an axis that is so long."""
    return next((step for step in _STEPS if seconds / step <= size.ticks), _STEPS[-1])


def value(field: str) -> Spec:
    """Return the channel of a field that says what another one means."""
    return {"field": field}


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters. Its end stays, because there names of one kind often differ."""
    tail = (most - 1) // 3
    return text if len(text) <= most else f"{text[: most - 1 - tail]}…{text[-tail:]}"


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of a chart: what it is of, a word about that, and where it is."""

    label: str
    top: float
    height: float
    word: str = ""

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def strips(found: Sequence[Strip], size: Size, height: float) -> list[Spec]:
    """Return the layers of the backgrounds of rows, and of their names."""
    bands = [{"y": each.top, "y2": each.top + each.height} for each in found]
    lines = [
        {"text": text, "y": each.middle + (0 if not each.word else -8 if first else 9), "colour": shade}
        for each in found
        for first, text, shade in (
            (True, shortened(each.label, size.letters), "var(--text)"),
            (False, each.word, "var(--muted)"),
        )
        if text
    ]
    down = pixels("y", height, down=True)
    left, right = {"value": 0}, {"value": size.plot}
    shade = {"field": "colour", "type": "nominal", "scale": None}
    return [
        layer(bands, {"type": "rect", "fill": "var(--band)", "aria": False}, x=left, x2=right, y=down, y2=value("y2")),
        layer(
            lines,
            {"type": "text", "align": "right", "dx": -10, "aria": False},
            x=left,
            y=down,
            text=value("text"),
            color=shade,
        ),
    ]
