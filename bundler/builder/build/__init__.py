"""A build from request to bundle: resolve, assemble, report."""
