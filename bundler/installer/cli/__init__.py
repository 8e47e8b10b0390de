"""The command line of a .run."""
