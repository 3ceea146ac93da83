"""What REAPER keeps for the scripts, and where they speak."""
