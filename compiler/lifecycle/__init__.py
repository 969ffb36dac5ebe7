"""The commands on a run: submission, status, end, restart, expansions and acceptance tests."""
