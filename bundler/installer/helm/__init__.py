"""Helm on site: its agent and the SDK behind it."""
