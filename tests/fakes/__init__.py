"""Fakes that keep the real interfaces."""
