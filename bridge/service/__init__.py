"""The daemon as a service of the user's own session: systemd, launchd, Windows' task scheduler. No root, no torch."""
