"""Circles of names that need each other."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping


def circles(needs: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Yield circles, each in the order of its needs, until no circle is left without one of those."""
    left = {name: set(needed) & needs.keys() for name, needed in needs.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1][:0:-1]
            yield _turned(circle, list(needs))
            left = {name: needed - set(circle) for name, needed in left.items() if name not in circle}
        else:
            return


def _turned(circle: list[str], order: list[str]) -> list[str]:
    """Return the circle, starting with the name that is first in ``order``."""
    first = circle.index(min(circle, key=order.index))
    return circle[first:] + circle[:first]
