"""Rules that refuse before anything is changed, by what they protect."""
