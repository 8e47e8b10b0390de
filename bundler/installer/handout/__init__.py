"""Handing out what a .run holds without installing it: files, images, charts, packages, the SBOM."""
