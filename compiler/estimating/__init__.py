"""What a run will need, before it starts: its times by a simulation, and its calls, files and bytes by counting."""
