"""Floor 1: plain loops over named arrays, and their native adapters."""
