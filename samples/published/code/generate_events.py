"""Write toy muon pairs as CSV: a resonance at 3.1 GeV on a falling background."""

import math
import random

PAIRS = 4000


def muon(rng, mass):
    """Return pt, eta and phi of two muons at rest in sum, except for a boost along the beam."""
    costheta = rng.uniform(-0.9, 0.9)
    phi = rng.uniform(-math.pi, math.pi)
    eta = math.atanh(costheta)
    boost = rng.gauss(0, 0.5)
    pt = mass / 2 * math.sqrt(1 - costheta**2)
    return (pt, eta + boost, phi), (pt, -eta + boost, math.remainder(phi + math.pi, 2 * math.pi))


def main():
    rng = random.Random(7)
    print("pt1,eta1,phi1,q1,pt2,eta2,phi2,q2")
    for _ in range(PAIRS):
        mass = rng.gauss(3.1, 0.04) if rng.random() < 0.4 else 2 + rng.expovariate(0.8)
        first, second = muon(rng, mass)
        charges = (1, -1) if rng.random() < 0.9 else (1, 1)
        cells = [f"{x:.5f}" for x in first] + [charges[0]] + [f"{x:.5f}" for x in second] + [charges[1]]
        print(",".join(map(str, cells)))


if __name__ == "__main__":
    main()
