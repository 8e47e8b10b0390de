"""Finished bundles looked at: inspect, diff, split and join."""
