"""One step of a fit, taken eagerly: its data, its loss, what it computes, what it commits."""
