"""Distributions of Kubernetes: by which steps each of them is begun, joined, left, upgraded and kept."""
