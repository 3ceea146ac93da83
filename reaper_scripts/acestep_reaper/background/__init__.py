"""The one background script and the jobs it drives."""
