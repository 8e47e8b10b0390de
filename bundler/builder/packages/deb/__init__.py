"""Debian and its relatives: apt against signed indexes, a flat repository for the site."""
