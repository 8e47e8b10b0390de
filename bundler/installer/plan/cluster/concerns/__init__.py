"""Concerns: each looks at the view alone and proposes, finds or refuses. None calls another."""
