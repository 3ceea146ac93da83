"""REAPER's project files, read and extended without REAPER."""
