"""Generate toy events: a narrow resonance that decays to two muons, and a smooth background."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from events import EVENT, MUON_MASS, Array
from numpy.random import Generator
from numpy.typing import NDArray

RESONANCE_MASS = 3.0969  # the J/psi; its own width is far below the resolution
SIGNAL_FRACTION = 0.28
BACKGROUND_RANGE = (2.4, 3.8)
BACKGROUND_SCALE = 0.9  # the mass over which the background falls by a factor e
RESOLUTION = 0.015  # of a muon's transverse momentum


def pair_masses(events: int, random: Generator) -> Array:
    """Return the true mass of each pair."""
    low, high = BACKGROUND_RANGE
    span = -np.expm1((low - high) / BACKGROUND_SCALE)
    background = low - BACKGROUND_SCALE * np.log1p(-span * random.random(events))
    is_signal = random.random(events) < SIGNAL_FRACTION
    return np.where(is_signal, RESONANCE_MASS, background)


def pair_momenta(masses: Array, random: Generator) -> Array:
    """Return the momentum of each pair, with axes (event, xyz)."""
    pt = random.gamma(2.0, 4.0, masses.size)
    phi = random.uniform(-np.pi, np.pi, masses.size)
    rapidity = random.normal(0.0, 1.3, masses.size)
    z = np.hypot(masses, pt) * np.sinh(rapidity)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), z], axis=1)


def decay(masses: Array, momenta: Array, random: Generator) -> Array:
    """Return the momenta of two muons, with axes (event, muon, xyz); the decay is isotropic."""
    size = np.sqrt((masses / 2) ** 2 - MUON_MASS**2)
    cosine = random.uniform(-1.0, 1.0, masses.size)
    phi = random.uniform(-np.pi, np.pi, masses.size)
    sine = np.sqrt(1 - cosine**2)
    at_rest = size * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine])

    # The boost to the laboratory, where the pair has the given momentum.
    energy = np.sqrt(masses**2 + (momenta**2).sum(axis=1))
    along = (momenta * at_rest.T).sum(axis=1)
    share = along / (masses * (energy + masses)) + 0.5
    first = at_rest.T + momenta * share[:, None]
    return np.stack([first, momenta - first], axis=1)


def measure(muons: Array, random: Generator) -> NDArray[Any]:
    """Return the events as the detector sees them: directions are exact, momenta are not."""
    x, y, z = np.moveaxis(muons, 2, 0)
    pt = np.hypot(x, y)
    measured = np.zeros(len(muons), dtype=EVENT)
    measured["pt"] = pt * random.normal(1.0, RESOLUTION, pt.shape)
    measured["eta"] = np.arcsinh(z / pt)
    measured["phi"] = np.arctan2(y, x)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the events (.npy)")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()

    random = np.random.default_rng(options.seed)
    masses = pair_masses(options.events, random)
    muons = decay(masses, pair_momenta(masses, random), random)
    np.save(options.output, measure(muons, random))
    print(f"generated {options.events} events from seed {options.seed}")


if __name__ == "__main__":
    main()
