"""The search compiled with numba; nothing outside this package knows of it but by `search`."""
