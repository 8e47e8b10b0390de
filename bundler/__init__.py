"""Ships a whole Kubernetes product to machines without internet, as one self-extracting file."""

__version__ = "0.1.0"  # as in pyproject.toml
