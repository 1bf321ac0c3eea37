"""What people prove themselves with besides a password: an authenticator, codes by SMS or mail, recovery codes."""
