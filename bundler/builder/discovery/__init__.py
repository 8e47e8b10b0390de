"""Which images manifests, charts and settings name, and which texts may be images."""
