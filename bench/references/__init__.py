"""What this service is measured against: fair, working applications that do the same work on the same tables."""
