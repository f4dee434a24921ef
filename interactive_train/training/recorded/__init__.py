"""The same step as a recorded program: recording, memory, tables, many steps in one call."""
