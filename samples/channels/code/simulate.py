"""Print the masses of a part of the events. Arguments: a seed, signal and background of a channel, its resolution."""

import random
import sys

PARTS = 4
MASS, LOWEST, HIGHEST = 125.0, 100.0, 160.0

seed, signal, background = map(int, sys.argv[1:4])
resolution = float(sys.argv[4])
source = random.Random(f"{seed} {signal} {background}")
masses = [source.gauss(MASS, resolution) for _ in range(signal // PARTS)]
while len(masses) < (signal + background) // PARTS:
    mass = LOWEST + source.expovariate(1 / 40)
    if mass < HIGHEST:
        masses.append(mass)
for mass in masses:
    print(f"{mass:.4f}")
