"""Fill a histogram: python3 fill.py INPUT OUTPUT NAME."""

import json
import sys

source, target, name = sys.argv[1:]
bins = [0.0] * 5
with open(source) as lines:
    for line in lines:
        _, value, weight = line.split()
        bins[min(int(value) // 20, 4)] += float(weight)
with open(target, "w") as out:
    json.dump({name: bins}, out)
