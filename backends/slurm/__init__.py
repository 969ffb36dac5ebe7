"""Slurm: the chain of jobs of a run, and the controller that runs it."""
