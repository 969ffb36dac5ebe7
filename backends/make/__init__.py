"""GNU make: the Makefile of a run, and make itself."""
