"""Serving a bundle straight out of its file: a read-only OCI registry and a file server."""
