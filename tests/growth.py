"""The cost of work, counted so that it is the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any


def instructions(work: Callable[[], object]) -> int:
    """Return how many instructions of Python the work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def grows_with_its_input(costs: Sequence[int]) -> bool:
    """Return whether the work grows with its input and not with the square. Each of three inputs is twice the last."""
    small, middle, large = costs
    return large - middle < 3 * max(middle - small, 1000)  # about 2 times, or about 4
