"""Ardour: our Lua scripts in its configuration, and acestep-bridge's side of a job that they ask for."""
