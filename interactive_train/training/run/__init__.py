"""A run: live in a thread of its own, kept in a file, run again from its journal."""
