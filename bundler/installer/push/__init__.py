"""Pushing a bundle's images into a registry, over the OCI distribution API."""
