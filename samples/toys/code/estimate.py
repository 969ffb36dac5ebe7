"""Print the rate of a toy experiment, its estimate and the pull."""

import sys
from pathlib import Path

rate = int(sys.argv[1])
times = [float(line) for line in Path(sys.argv[2]).read_text().split()]
estimate = len(times) / sum(times)
error = estimate / len(times) ** 0.5
print(rate, f"{estimate:.4f}", f"{(estimate - rate) / error:.4f}")
