"""GNU make: the Makefile of a run, and the process that runs it."""
