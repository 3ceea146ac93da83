"""What learns: data sets, loops, snapshots. Each network's training is one file."""
