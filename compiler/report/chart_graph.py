"""The chart of a run's graph: a box for each step, with its state, and a line from each step that it waits for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reana_batch.report.run_facts import MOST_NODES, SHOWN, Node, RunFacts, graph, state_of
from reana_batch.report.vega import Size, Spec, colour, layer, layered, link, pixels, shortened, value

_WIDTH, _HEIGHT, _GAP = 150, 44, 18  # of boxes, and between those of a layer
_LAYER_GAP, _LEAST_GAP, _GAP_DOWN = 46, 26, 34  # between layers
_HEAD = 5  # pixels from the end of a line to the box

Place = tuple[float, float]


def graph_chart(facts: RunFacts, size: Size) -> tuple[Spec | None, str]:
    """Return the chart and a sentence about it. There is none of too many steps."""
    nodes = graph(facts)
    if not nodes or len(nodes) > MOST_NODES:
        return None, ""
    layers = _layers(nodes)
    room = min(_LAYER_GAP, (size.width - len(layers) * _WIDTH) / max(len(layers) - 1, 1))
    across = size.is_wide and room >= _LEAST_GAP
    places = _places(layers, room if across else _GAP_DOWN, across=across)
    if size.is_wide and not across and _is_chain(nodes, layers):
        across, places = True, _lines_of_boxes(layers, size)
    drawn = _drawn(nodes, places, across=across)
    return drawn, "Steps of one name are drawn as one." if len(nodes) < len(facts.steps) else ""


def _layers(nodes: Sequence[Node]) -> list[list[int]]:
    """Return the nodes in layers, each behind its parents. In a layer, those with near parents are next to each other."""
    import networkx

    known: networkx.DiGraph[int] = networkx.DiGraph()
    known.add_nodes_from(range(len(nodes)))
    known.add_edges_from((parent, number) for number, node in enumerate(nodes) for parent in node.parents)
    layers = [sorted(generation) for generation in networkx.topological_generations(known)]
    for before, after in itertools.pairwise(layers):
        place = {number: index / max(len(before) - 1, 1) for index, number in enumerate(before)}
        after.sort(key=lambda number: _middle([place[each] for each in nodes[number].parents if each in place]))
    return layers


def _middle(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 0.5


def _places(layers: Sequence[Sequence[int]], gap: float, *, across: bool) -> dict[int, Place]:
    """Return the left upper corner of each node. Layers follow each other from left to right, or from top to bottom."""
    along, aside = (_WIDTH, _HEIGHT) if across else (_HEIGHT, _WIDTH)
    most = max(map(len, layers))
    found = {}
    for depth, numbers in enumerate(layers):
        for index, number in enumerate(numbers):
            far, side = depth * (along + gap), (index + (most - len(numbers)) / 2) * (aside + _GAP)
            found[number] = (far, side) if across else (side, far)
    return found


def _is_chain(nodes: Sequence[Node], layers: Sequence[Sequence[int]]) -> bool:
    return all(len(layer) == 1 for layer in layers) and all(len(node.parents) <= 1 for node in nodes)


def _lines_of_boxes(layers: Sequence[Sequence[int]], size: Size) -> dict[int, Place]:
    """Return the places of the nodes of a chain that is broken into lines, as words are in a text."""
    most = (size.width + _LEAST_GAP) // (_WIDTH + _LEAST_GAP)
    step = (size.width - _WIDTH) / (most - 1)
    return {
        layer[0]: (index % most * step, index // most * (_HEIGHT + _GAP_DOWN)) for index, layer in enumerate(layers)
    }


def _drawn(nodes: Sequence[Node], places: Mapping[int, Place], *, across: bool) -> Spec:
    width = max(x for x, _ in places.values()) + _WIDTH
    height = max(y for _, y in places.values()) + _HEIGHT
    boxes = [_box(node, places[number]) for number, node in enumerate(nodes)]
    lines = list(_lines(nodes, places, across=across))
    heads = [point for point in lines if point["is_end"]]
    x, y, label = pixels("x", width), pixels("y", height, down=True), pixels("middle", height, down=True)
    area = {"x": x, "y": y, "y2": value("y2")}
    curve = {"type": "line", "interpolate": "basis", "stroke": "var(--muted)", "strokeWidth": 1.4, "aria": False}
    shape = {"field": "shape", "type": "nominal", "scale": None}
    head = {"type": "point", "filled": True, "size": 50, "color": "var(--muted)", "opacity": 1}
    frame = {"type": "rect", "cornerRadius": 6, "strokeWidth": 1.6, "fill": "var(--panel)"}
    mark = {"type": "rect", "cornerRadiusTopLeft": 5, "cornerRadiusBottomLeft": 5, "aria": False}
    words = {"type": "text", "align": "left", "dx": 14, "aria": False}
    title = {**words, "dy": -8, "fontWeight": 600, "color": "var(--text)"}
    says = {**words, "dy": 9, "fontSize": 11, "color": "var(--muted)"}
    links = {"href": value("link"), "description": value("words")}
    layers = [
        layer(lines, curve, x=x, y=y, detail=value("line"), order=value("order")),
        layer(heads, head | {"aria": False}, x=x, y=y, shape=shape),
        layer(boxes, frame, x2=value("x2"), stroke=colour(), **area, **links),
        layer(boxes, mark, x2=value("edge"), color=colour(), **area),
        layer(boxes, title, x=x, y=label, text=value("label")),
        layer(boxes, says, x=x, y=label, text=value("says")),
    ]
    return layered(layers, width, height)


def _box(node: Node, place: Place) -> dict[str, Any]:
    x, y = place
    says, state = _says(node), state_of(node.counts)
    area = {"x": x, "x2": x + _WIDTH, "edge": x + 5, "y": y, "y2": y + _HEIGHT, "middle": y + _HEIGHT / 2}
    shown = {"label": shortened(node.label, 16), "says": shortened(says, 24), "words": f"{node.label}: {says}"}
    return {**area, **shown, "state": state, "link": link(node.target)}


def _says(node: Node) -> str:
    total = sum(node.counts.values())
    if total <= 1:
        return SHOWN[state_of(node.counts)]
    failed = f", {node.counts['failed']:,} failed" if node.counts.get("failed") else ""
    return f"{node.counts.get('finished', 0):,} of {total:,} done{failed}"


def _lines(nodes: Sequence[Node], places: Mapping[int, Place], *, across: bool) -> Iterator[dict[str, Any]]:
    """Yield the four points of each line."""
    for number, node in enumerate(nodes):
        for parent in node.parents:
            one, other = places[parent], places[number]
            right = across and other[0] > one[0]  # else the next box is at the start of the next line
            fixed = {"line": f"{parent}-{number}", "shape": "triangle-right" if right else "triangle-down"}
            for order, (x, y) in enumerate(_points(one, other, right=right)):
                yield {"x": x, "y": y, "order": order, "is_end": order == 3, **fixed}


def _points(one: Place, other: Place, *, right: bool) -> list[Place]:
    if right:
        (x1, y1), (x2, y2) = (one[0] + _WIDTH, one[1] + _HEIGHT / 2), (other[0] - _HEAD, other[1] + _HEIGHT / 2)
        turn = (x2 - x1) / 2
        return [(x1, y1), (x1 + turn, y1), (x2 - turn, y2), (x2, y2)]
    (x1, y1), (x2, y2) = (one[0] + _WIDTH / 2, one[1] + _HEIGHT), (other[0] + _WIDTH / 2, other[1] - _HEAD)
    turn = (y2 - y1) / 2
    return [(x1, y1), (x1, y1 + turn), (x2, y2 - turn), (x2, y2)]
