"""The life of a run: submission, status, end, restart, expansions and acceptance tests."""
