"""What entry scripts do."""
