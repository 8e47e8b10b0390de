"""The Clusterfile: what a person writes about the site, read into a `Site` (docs/clusterfile.md)."""
