"""Measurements, side by side with other programs where they can be had."""
