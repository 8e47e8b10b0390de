"""A .run as an OCI artifact: through registries and layouts, and the same bytes at the other end."""
