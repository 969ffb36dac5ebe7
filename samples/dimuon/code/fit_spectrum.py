"""Fit the mass spectrum by maximum likelihood, and write what comes out as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from events import Array
from spectrum import EDGES, HIGH, LOW, Parameters, expected, histogram

UNITS = ("events", "events", "GeV", "GeV", "1/GeV")  # of the parameters
STEPS = 100


def first_guess(counts: Array) -> Parameters:
    """Return parameters to start from: the peak is at the highest bin."""
    total = counts.sum()
    mass = EDGES[counts.argmax()]
    return Parameters(0.3 * total, 0.7 * total, mass, 0.05, 1.0)


def derivatives(p: Parameters) -> Array:
    """Return how the expected events of each bin (rows) go with each parameter (columns)."""
    columns = []
    for index, value in enumerate(p):
        step = 1e-5 * max(abs(value), 1e-3)
        above, below = list(p), list(p)
        above[index] += step
        below[index] -= step
        difference = expected(EDGES, Parameters(*above)) - expected(EDGES, Parameters(*below))
        columns.append(difference / (2 * step))
    return np.stack(columns, axis=1)


def fit(counts: Array) -> tuple[Parameters, Array]:
    """Return the parameters of the largest Poisson likelihood, and their covariance.

    Fisher's scoring: Newton's steps, with the expected second derivatives in place of the observed.
    """
    p = first_guess(counts)
    for _ in range(STEPS):
        model, slopes = expected(EDGES, p), derivatives(p)
        weighted = slopes / model[:, None]
        covariance = np.asarray(np.linalg.inv(slopes.T @ weighted), dtype=np.float64)
        step = covariance @ (weighted.T @ (counts - model))
        p = Parameters(*(np.array(p) + step))
        if np.all(np.abs(step) < 1e-6 * np.sqrt(np.diag(covariance))):
            return p, covariance
    raise SystemExit("fit_spectrum.py: the fit does not converge; are there enough events?")


def chi_square(counts: Array, model: Array) -> float:
    """Return the goodness of fit after Baker and Cousins, which likes empty bins as well."""
    logarithms = counts * np.log(np.where(counts > 0, counts, 1) / model)
    return float(2 * (model - counts + logarithms).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("masses", type=Path, help="the masses of the pairs (.npy)")
    parser.add_argument("output", type=Path, help="the result (.json)")
    options = parser.parse_args()

    counts = histogram(np.load(options.masses))
    p, covariance = fit(counts)
    errors = Parameters(*np.sqrt(np.diag(covariance)))
    # Six digits: what follows them depends on the processor.
    result: dict[str, Any] = {
        name: {"value": float(f"{value:.6g}"), "error": float(f"{error:.3g}"), "unit": unit}
        for name, value, error, unit in zip(p._fields, p, errors, UNITS, strict=True)
    }
    summary: dict[str, Any] = {
        "range": [LOW, HIGH],
        "entries": int(counts.sum()),
        "chi2": round(chi_square(counts, expected(EDGES, p)), 2),
        "degrees_of_freedom": counts.size - len(p),
    }
    options.output.write_text(json.dumps(result | summary, indent=2) + "\n", encoding="utf-8")
    print(f"mass:   {p.mass:.4f} +- {errors.mass:.4f} GeV")
    print(f"signal: {p.signal:.0f} +- {errors.signal:.0f} events")


if __name__ == "__main__":
    main()
