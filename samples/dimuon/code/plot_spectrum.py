"""Draw the mass spectrum with the fitted curve, and what is left of it below."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from events import Array
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from spectrum import BIN_WIDTH, EDGES, HIGH, LOW, Parameters, background, expected, histogram

CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
RED, BLUE, GREY = "#c8102e", "#1f5fa8", "#6b7280"


def draw_spectrum(axes: Axes, counts: Array, p: Parameters) -> None:
    """Draw the data, the fitted curve and its two components."""
    fine = np.linspace(LOW, HIGH, 801)
    centres = (fine[1:] + fine[:-1]) / 2
    scale = BIN_WIDTH / (fine[1] - fine[0])
    below = scale * background(fine, p)
    total = scale * expected(fine, p)
    axes.fill_between(centres, below, total, color=RED, alpha=0.18, linewidth=0, label="signal")
    axes.fill_between(centres, below, color=BLUE, alpha=0.12, linewidth=0)
    axes.plot(centres, below, color=BLUE, linestyle="--", label="background")
    axes.plot(centres, total, color=RED, linewidth=1.8, label="fit")
    draw_points(axes, counts, np.sqrt(counts), label="toy data")
    axes.set_ylabel(f"Events / {1000 * BIN_WIDTH:.0f} MeV")
    axes.set_ylim(0, 1.15 * counts.max())


def draw_points(axes: Axes, values: Array, errors: Array, **style: Any) -> None:
    axes.errorbar(CENTRES, values, errors, fmt="o", color="black", markersize=3, elinewidth=1, **style)


def draw_pulls(axes: Axes, counts: Array, p: Parameters) -> None:
    """Draw how many standard deviations each bin is away from the curve."""
    model = expected(EDGES, p)
    axes.axhspan(-2, 2, color=GREY, alpha=0.12, linewidth=0)
    axes.axhline(0, color=RED, linewidth=1.2)
    draw_points(axes, (counts - model) / np.sqrt(model), np.ones_like(model))
    axes.set_ylim(-4.5, 4.5)
    axes.set_yticks([-3, 0, 3])
    axes.set_ylabel("Pull")
    axes.set_xlabel(r"$m(\mu^+\mu^-)$ [GeV]")


def caption(result: dict[str, Any]) -> str:
    """Return the numbers to be shown in the plot."""
    mass, width, events = (result[name] for name in ("mass", "width", "signal"))
    return "\n".join(
        (
            f"$m$ = {1000 * mass['value']:.2f} $\\pm$ {1000 * mass['error']:.2f} MeV",
            f"$\\sigma$ = {1000 * width['value']:.2f} $\\pm$ {1000 * width['error']:.2f} MeV",
            f"$N$ = {events['value']:.0f} $\\pm$ {events['error']:.0f}",
            f"$\\chi^2$/ndf = {result['chi2']:.1f} / {result['degrees_of_freedom']}",
        )
    )


def draw(counts: Array, p: Parameters, text: str) -> Figure:
    """Return the whole figure; it needs no display, because it does not use pyplot."""
    mpl.rcParams.update({"font.size": 11, "xtick.direction": "in", "ytick.direction": "in"})
    figure = Figure(figsize=(7, 6), layout="constrained")
    spectrum, pulls = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    draw_spectrum(spectrum, counts, p)
    draw_pulls(pulls, counts, p)
    spectrum.set_xlim(LOW, HIGH)
    spectrum.text(0.03, 0.96, text, transform=spectrum.transAxes, va="top", linespacing=1.5)
    spectrum.legend(loc="upper right", frameon=False, reverse=True)
    for axes in (spectrum, pulls):
        axes.tick_params(top=True, right=True)
    figure.align_ylabels()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("masses", type=Path, help="the masses of the pairs (.npy)")
    parser.add_argument("result", type=Path, help="the result of the fit (.json)")
    parser.add_argument("output", type=Path, help="the plot (.png)")
    options = parser.parse_args()

    counts = histogram(np.load(options.masses))
    result = json.loads(options.result.read_text(encoding="utf-8"))
    p = Parameters(*(result[name]["value"] for name in Parameters._fields))

    # Without the version of matplotlib in it, the same spectrum gives the same file.
    draw(counts, p, caption(result)).savefig(options.output, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
