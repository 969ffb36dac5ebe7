"""Events with two muons: how they are stored, and their invariant mass. Energies are in GeV."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MUON_MASS = 0.10566

# The second axis counts the two muons of an event.
EVENT = np.dtype([("pt", "f8", 2), ("eta", "f8", 2), ("phi", "f8", 2)])


def invariant_masses(events: NDArray[Any]) -> Array:
    """Return the mass of each event's pair of muons."""
    pt, eta, phi = events["pt"], events["eta"], events["phi"]
    energy = np.sqrt(MUON_MASS**2 + (pt * np.cosh(eta)) ** 2).sum(axis=1)
    x = (pt * np.cos(phi)).sum(axis=1)
    y = (pt * np.sin(phi)).sum(axis=1)
    z = (pt * np.sinh(eta)).sum(axis=1)
    masses: Array = np.sqrt(energy**2 - x**2 - y**2 - z**2)
    return masses
