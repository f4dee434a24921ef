"""What was done to a fit and what decides its bits: for people, for files, to be run again."""
