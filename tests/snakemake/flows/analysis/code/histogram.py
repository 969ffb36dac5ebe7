"""Fill a histogram of the second column for a region of the first, scaled."""

import sys
from collections import Counter

source, target, region, scale = sys.argv[1:]
low, high = {"signal": (0, 5), "control": (5, 10)}[region]
with open(source) as events:
    pairs = [tuple(map(int, line.split())) for line in events]
bins = Counter(value * int(scale) // 10 for key, value in pairs if low <= key < high)
with open(target, "w") as out:
    out.writelines(f"{value} {count}\n" for value, count in sorted(bins.items()))
