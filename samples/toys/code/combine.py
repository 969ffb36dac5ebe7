"""Print for each rate the number of toys, the mean of their pulls and its width."""

import statistics
import sys
from collections import defaultdict
from pathlib import Path

pulls = defaultdict(list)
for name in sys.argv[1:]:
    rate, _, pull = Path(name).read_text().split()
    pulls[int(rate)].append(float(pull))
print("rate  toys  mean pull  width")
for rate, found in sorted(pulls.items()):
    print(f"{rate:4}  {len(found):4}  {statistics.mean(found):9.3f}  {statistics.stdev(found):5.3f}")
