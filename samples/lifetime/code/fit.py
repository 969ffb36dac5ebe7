"""Print the mean lifetime in a run and its error. Argument: the file of the run."""

import sys
from pathlib import Path

path = Path(sys.argv[1])
times = [float(line) for line in path.read_text().split()]
lifetime = sum(times) / len(times)
print(path.stem, f"{lifetime:.3f}", f"{lifetime / len(times) ** 0.5:.3f}")
