"""The benchmark: a load generator, reference applications, and a report that compares them with this service."""
