"""The installer: frozen into every .run, turns a Clusterfile into a running cluster."""
