"""Writing a compiled analysis: the files that all back ends share, and the run directory."""
