"""Who may sign a bundle, and whether this one is accepted."""
