"""The staged file tree as a value, and its checkout."""
