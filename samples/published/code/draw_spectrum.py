"""Draw the spectrum of the masses as SVG, and print where its peak is as JSON."""

import json
import sys

LOW, HIGH, BINS = 2.0, 5.0, 60
WIDTH, HEIGHT = 600, 360


def histogram(masses):
    """Return the number of masses in each bin."""
    counts = [0] * BINS
    for value in masses:
        if LOW <= value < HIGH:
            counts[int((value - LOW) / (HIGH - LOW) * BINS)] += 1
    return counts


def peak(masses, counts):
    """Return the mean of the masses in the fullest bin and its neighbours, in GeV."""
    width = (HIGH - LOW) / BINS
    centre = LOW + (counts.index(max(counts)) + 0.5) * width
    near = [value for value in masses if abs(value - centre) < 1.5 * width]
    return sum(near) / len(near)


def svg(counts):
    """Return the picture: a bar for each bin."""
    step, top = WIDTH / BINS, max(counts)
    bars = (
        f'<rect x="{i * step:.1f}" y="{HEIGHT - n / top * HEIGHT:.1f}" width="{step:.1f}" height="{n / top * HEIGHT:.1f}"/>'
        for i, n in enumerate(counts)
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="steelblue">'
    return "\n".join([head, *bars, "</svg>"]) + "\n"


def main():
    picture, *sources = sys.argv[1:]
    masses = []
    for source in sources:
        with open(source) as file:
            masses += [float(line) for line in file]
    counts = histogram(masses)
    with open(picture, "w") as file:
        file.write(svg(counts))
    print(json.dumps({"pairs": len(masses), "peak": round(peak(masses, counts), 3)}))


if __name__ == "__main__":
    main()
