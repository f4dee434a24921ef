"""Teaching views: each shows one thing about a fit, alone in a cell."""
