"""The passes: each takes a Program and returns one that computes the same."""
