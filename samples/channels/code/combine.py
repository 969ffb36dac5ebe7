"""Print the signal strength of each channel and of all channels: 1 if the signal is as strong as expected."""

import math
import sys
from pathlib import Path

STRENGTHS = [step / 200 for step in range(801)]


def deviance(strength, channels):
    """Return twice the negative logarithm of the likelihood of the observed events."""
    expected = [(near, strength * signal + background) for near, signal, background in channels]
    return 2 * sum(mean - near * math.log(mean) for near, mean in expected)


def fitted(channels):
    """Return the best strength, and its error: at this distance the deviance is larger by 1."""
    curve = [deviance(strength, channels) for strength in STRENGTHS]
    best = min(range(len(curve)), key=curve.__getitem__)
    inside = [strength for strength, value in zip(STRENGTHS, curve, strict=True) if value < curve[best] + 1]
    return STRENGTHS[best], (inside[-1] - inside[0]) / 2


names, channels = [], []
for name in sys.argv[1:]:
    channel, *numbers = Path(name).read_text().split()
    names.append(channel)
    channels.append(tuple(map(float, numbers)))
print("channel       strength  error")
for name, group in [*((name, [channel]) for name, channel in zip(names, channels, strict=True)), ("all", channels)]:
    strength, error = fitted(group)
    print(f"{name:12}  {strength:8.3f}  {error:5.3f}")
