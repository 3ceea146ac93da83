"""What surfaces are told: who registered, what changed, what is sent once more."""
