"""One archive of what a site shows of itself, for who has to find out what is wrong; no secret in it."""
