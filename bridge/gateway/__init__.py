"""The public HTTP API on this machine: fal's own clients, unchanged, on the daemon. Needs the extra `gateway`."""
