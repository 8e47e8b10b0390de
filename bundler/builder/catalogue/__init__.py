"""The catalogue as people see it: entries with what they need and give, listed, searched, shown."""
