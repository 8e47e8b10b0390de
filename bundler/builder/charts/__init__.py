"""Helm charts, rendered by Helm itself."""
