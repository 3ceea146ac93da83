"""Results on their way into the project."""
