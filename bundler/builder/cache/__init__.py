"""The content-addressed cache on the build machine."""
