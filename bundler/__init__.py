"""Ships a whole Kubernetes product to machines without internet, as one self-extracting file."""
