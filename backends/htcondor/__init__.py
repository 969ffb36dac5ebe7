"""HTCondor: the DAG of a run, and the schedd that runs it."""
