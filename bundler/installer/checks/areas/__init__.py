"""The checks themselves, a table for each area."""
