"""The frozen installer: PyInstaller, its loader and C library, Helm's library."""
