"""Between kernels and values: a step as a table of instructions, and what runs it."""
