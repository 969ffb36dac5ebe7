"""Print the lifetimes in all runs, and their average. Arguments: the files with the lifetimes."""

import sys
from pathlib import Path

rows = [Path(name).read_text().split() for name in sys.argv[1:]]
weights = [1 / float(error) ** 2 for _, _, error in rows]
average = sum(weight * float(value) for weight, (_, value, _) in zip(weights, rows, strict=True)) / sum(weights)
print("run      lifetime   error")
for name, value, error in [*rows, ("all", f"{average:.3f}", f"{sum(weights) ** -0.5:.3f}")]:
    print(f"{name:8} {value:>8} {error:>7}")
