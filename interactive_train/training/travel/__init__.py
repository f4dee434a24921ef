"""A run's course: its lines and snapshots, back to any of its steps and on from there."""
