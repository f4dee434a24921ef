"""What all other packages speak of: states, histories, commands and tickets, events, views."""
