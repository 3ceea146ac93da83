"""What `doctor` looks at, and what a bug report holds."""
