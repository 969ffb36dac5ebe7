"""Print the times in microseconds after which muons decay in the detector, in one run. Argument: the number of the run."""

import random
import sys

LIFETIME = 2.197
LONGEST = 20.0
STOPPED = 3000

run = int(sys.argv[1])
source = random.Random(run)
noisy = source.random() < 0.3  # then the detector records times at random
for _ in range(STOPPED):
    time = source.uniform(0, LONGEST) if noisy else source.expovariate(1 / LIFETIME)
    if time < LONGEST:
        print(f"{time:.4f}")
