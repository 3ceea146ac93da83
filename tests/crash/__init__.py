"""Seeded crash runs: `python -m tests.crash --runs 500`. See `__main__`."""
