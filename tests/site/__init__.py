"""An air-gapped site on this machine: systemd-nspawn machines on a bridge in a network namespace of its own.

`python -m tests.site up|down|status|shell|demo` is the command line; `lifecycle.up` and `lifecycle.down` are
the same for tests. How it is built and why: docs/testbed.md.
"""
