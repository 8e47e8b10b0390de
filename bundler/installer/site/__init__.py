"""The validated site: hosts, settings, and the Clusterfile they come from."""
