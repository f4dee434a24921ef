"""Floor 3: a recorded step - from operations on ghosts to a table of instructions."""
