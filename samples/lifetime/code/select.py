"""Copy the runs in which muons decay to the directory "good". Arguments: the files of the runs.

In a run of noise, as many times are in the last quarter as in the first.
"""

import shutil
import sys
from pathlib import Path

LONGEST = 20.0

good = Path("good")
good.mkdir()
for name in sys.argv[1:]:
    times = [float(line) for line in Path(name).read_text().split()]
    late = sum(time > 0.75 * LONGEST for time in times)
    if late < len(times) / 100:
        shutil.copy(name, good)
