"""The mass spectrum and its model: a Gaussian peak on an exponential background."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from events import Array

LOW, HIGH = 2.7, 3.5  # GeV
BINS = 80
BIN_WIDTH = (HIGH - LOW) / BINS
EDGES: Array = np.linspace(LOW, HIGH, BINS + 1)

_erf = np.vectorize(math.erf, otypes=[float])


class Parameters(NamedTuple):
    """What the fit finds out."""

    signal: float  # events in the peak
    background: float  # events below it, from LOW to HIGH
    mass: float
    width: float
    slope: float  # of the background, per GeV


def histogram(masses: Array) -> Array:
    """Return the number of pairs in each bin."""
    counts, _ = np.histogram(masses, bins=EDGES)
    return counts.astype(float)


def signal(edges: Array, p: Parameters) -> Array:
    """Return the expected events of the peak between ``edges``."""
    cumulative = _erf((edges - p.mass) / (math.sqrt(2) * p.width)) / 2
    return p.signal * np.diff(cumulative)


def background(edges: Array, p: Parameters) -> Array:
    """Return the expected events of the background between ``edges``."""
    cumulative = np.expm1(-p.slope * (edges - LOW))
    return p.background * np.diff(cumulative) / math.expm1(-p.slope * (HIGH - LOW))


def expected(edges: Array, p: Parameters) -> Array:
    """Return all expected events between ``edges``."""
    return signal(edges, p) + background(edges, p)
