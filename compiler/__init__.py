"""Compile REANA analyses into plain batch files: an HTCondor DAG, a Slurm job chain or a Makefile."""

from reana_batch.version import __version__

__all__ = ["__version__"]
