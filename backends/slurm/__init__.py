"""Slurm: the chain of a run, and the controller that runs it."""
