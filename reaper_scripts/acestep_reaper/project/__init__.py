"""REAPER's project: tracks, items, takes, tempo, locks."""
