"""HTCondor: the DAG of a run, and the scheduler that runs it."""
