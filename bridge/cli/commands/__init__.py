"""The commands as they are typed: one file per command or group of commands."""
