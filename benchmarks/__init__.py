"""How fast analyses are compiled, and how much memory that takes: ``python -m benchmarks``."""
