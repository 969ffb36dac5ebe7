"""Print the waiting times of one toy experiment. Arguments: a rate and the number of the toy."""

import random
import sys

rate, toy, events = map(int, sys.argv[1:])
source = random.Random(1000 * rate + toy)
for _ in range(events):
    print(f"{source.expovariate(rate):.9f}")
