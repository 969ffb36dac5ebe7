"""Which rows of many are looked at. Records are read one by one, so reading those of all rows takes too long."""

from __future__ import annotations

from collections.abc import Sequence

# The most rows of a step in one state whose records are read, and those of all steps together. Of each step at least some
# are read.
MOST, MOST_OF_ALL, LEAST = 1000, 3000, 10
# Its multiples are spread evenly over the fractions between whole numbers, and follow no period of the rows.
_GOLDEN = (5**0.5 - 1) / 2


def rows_of_each(steps: int) -> int:
    """Return how many rows of each of so many steps are read for a look at all of them."""
    return min(max(MOST_OF_ALL // max(steps, 1), LEAST), MOST)


def spread(rows: Sequence[int], most: int = MOST) -> Sequence[int]:
    """Return at most ``most`` of the rows, always the same ones, with the first and the last.

    The rows are cut into ``most`` equal parts, of which each gives one. So their mean is that of all rows if rows are
    in order of their size, and also if each second or tenth row is a long one.
    """
    if len(rows) <= most:
        return rows
    cuts = [part * len(rows) // most for part in range(most + 1)]
    chosen = (cuts[part] + int(part * _GOLDEN % 1 * (cuts[part + 1] - cuts[part])) for part in range(most - 1))
    return [*(rows[place] for place in chosen), rows[-1]]
