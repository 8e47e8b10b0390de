"""Kubefile.lock: what every input of a build was, so that the next build takes the same (docs/lock.md)."""
