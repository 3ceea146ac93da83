"""The operating system as the bridge sees it: platforms, whole-file writes."""
