"""What the service says about itself: logs now, metrics and traces when they come."""
