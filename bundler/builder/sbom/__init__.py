"""Bills of materials: what is in a bundle, down to the packages inside its images (docs/sbom.md)."""
