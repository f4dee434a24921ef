"""A training toolkit for Jupyter whose runs a person can steer while they go."""
