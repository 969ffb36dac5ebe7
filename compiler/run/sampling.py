"""Which rows of many are looked at. Records are read one by one, so reading those of all rows takes too long."""

from __future__ import annotations

from collections.abc import Sequence

# The most rows of a step whose records are read for its times.
MOST = 1000
# Its multiples are spread evenly over the fractions between whole numbers, and follow no period of the rows.
_GOLDEN = (5**0.5 - 1) / 2


def spread(rows: Sequence[int]) -> Sequence[int]:
    """Return at most a thousand of the rows, always the same ones, with the first and the last.

    The rows are cut into a thousand equal parts, of which each gives one. So their mean is that of all rows if rows are
    in order of their size, and also if each second or tenth row is a long one.
    """
    if len(rows) <= MOST:
        return rows
    cuts = [part * len(rows) // MOST for part in range(MOST + 1)]
    chosen = (cuts[part] + int(part * _GOLDEN % 1 * (cuts[part + 1] - cuts[part])) for part in range(MOST - 1))
    return [*(rows[place] for place in chosen), rows[-1]]
