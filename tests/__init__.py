"""Tests; a package so that `tests.site` has a name of its own beside the standard library's `site`."""
