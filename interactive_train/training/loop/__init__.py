"""What one fit works on, the only loop that moves it on, and who is told of it."""
