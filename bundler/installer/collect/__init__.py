"""One archive of a site's state for troubleshooting, without secrets."""
