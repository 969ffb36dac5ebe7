"""Keep the events whose muons the detector measures well; write the masses of their pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from events import invariant_masses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path, help="the events (.npy)")
    parser.add_argument("output", type=Path, help="the masses of the pairs that pass (.npy)")
    parser.add_argument("--min-pt", type=float, required=True, help="of each muon, in GeV")
    parser.add_argument("--max-eta", type=float, required=True, help="of each muon, absolute")
    options = parser.parse_args()

    events = np.load(options.events)
    print(f"all events:       {len(events):8d}")
    events = events[(events["pt"] > options.min_pt).all(axis=1)]
    print(f"pt > {options.min_pt:<6g} GeV:  {len(events):8d}")
    events = events[(np.abs(events["eta"]) < options.max_eta).all(axis=1)]
    print(f"|eta| < {options.max_eta:<6g}:   {len(events):8d}")
    np.save(options.output, invariant_masses(events))


if __name__ == "__main__":
    main()
