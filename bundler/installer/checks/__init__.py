"""Checks: small values that say what is looked at, what the limit is, why, and what to do. Pure."""
