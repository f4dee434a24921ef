"""What is shown of a fit at a step boundary: its record, statistics, the step that comes next."""
