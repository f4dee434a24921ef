"""The command line: doctor, warm and demo."""
