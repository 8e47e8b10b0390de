"""Connections to hosts: SSH, the local machine, host keys, logins."""
