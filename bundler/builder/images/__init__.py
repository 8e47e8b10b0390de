"""Container images: found in manifests, pulled or read from archives, laid out for the bundle."""
