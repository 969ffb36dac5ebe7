"""Print the invariant masses of the muon pairs of opposite charge, one in a line."""

import argparse
import csv
import itertools
import math


def mass(pair):
    """Return the invariant mass of two massless muons, in GeV."""
    pt1, eta1, phi1, pt2, eta2, phi2 = (float(pair[name]) for name in ("pt1", "eta1", "phi1", "pt2", "eta2", "phi2"))
    return math.sqrt(2 * pt1 * pt2 * (math.cosh(eta1 - eta2) - math.cos(phi1 - phi2)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--min-pt", type=float, default=0.0, help="of the two together, in GeV")
    parser.add_argument("--part", default="0/1", help="I/N takes every Nth pair, from the Ith on")
    parser.add_argument("events")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    with open(options.events, newline="") as file:
        for pair in itertools.islice(csv.DictReader(file), part, None, parts):
            if pair["q1"] != pair["q2"] and float(pair["pt1"]) + float(pair["pt2"]) > options.min_pt:
                print(f"{mass(pair):.4f}")


if __name__ == "__main__":
    main()
