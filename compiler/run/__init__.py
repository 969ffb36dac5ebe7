"""A run on disk: its manifest, records, logs, names, workspace and lock."""
