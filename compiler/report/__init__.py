"""Pictures and records of a workflow and its run."""
