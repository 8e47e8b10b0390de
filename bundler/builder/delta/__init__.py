"""Making a bundle smaller: only what changed since another one, layers compressed together."""
