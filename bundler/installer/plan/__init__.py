"""Deciding: from a site, its facts and a bundle to the steps of a plan."""
