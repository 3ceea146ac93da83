"""Renders that surfaces ask for: the source, the task, the last one again, and the end of all."""
