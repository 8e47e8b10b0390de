"""A site in one encrypted file: how it is written, read and judged."""
