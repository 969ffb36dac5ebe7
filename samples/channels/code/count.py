"""Print the yields of a channel: its name, the events near the mass, and what signal and background there are expected.

Arguments: the name, the expected signal, the resolution, and the files with the masses. The events next to the mass
tell the background below it.
"""

import math
import sys
from pathlib import Path

MASS = 125.0

channel, signal, resolution = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
masses = [float(line) for name in sys.argv[4:] for line in Path(name).read_text().split()]
window = 1.5 * resolution
near = sum(abs(mass - MASS) < window for mass in masses)
side = sum(window <= abs(mass - MASS) < 2 * window for mass in masses)
inside, between = math.erf(1.5 / 2**0.5), math.erf(3 / 2**0.5) - math.erf(1.5 / 2**0.5)
print(channel, near, f"{signal * inside:.2f}", f"{max(side - signal * between, 1):.2f}")
