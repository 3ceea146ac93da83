"""The line to the daemon."""
