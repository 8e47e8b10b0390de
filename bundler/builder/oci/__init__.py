"""Registries by the OCI distribution protocol: client, pull, tokens, referrers."""
