"""Floor 0: what this machine is, where caches lie, how errors and notices read."""
