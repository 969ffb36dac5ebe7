"""How fast analyses are compiled, and in how much memory: ``python -m benchmarks``."""
