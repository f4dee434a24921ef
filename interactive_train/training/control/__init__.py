"""How a fit is steered: commands wait, are checked, and change it at a step boundary."""
