"""Helpers without a domain: parallel work, progress, decompression, tar streams."""
