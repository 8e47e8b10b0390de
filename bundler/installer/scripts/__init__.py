"""Shell scripts and configuration files, rendered from templates/site."""
