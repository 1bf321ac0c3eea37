"""The only door to PostgreSQL: pools, compiled statements, transactions, named constraints."""
