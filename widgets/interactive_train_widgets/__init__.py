"""What a person sees and moves: the dashboard of a run and its panels."""
