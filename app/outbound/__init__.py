"""What leaves for other people's servers: mail, text messages, and the guard at the door."""
