"""Musical time: whose beat it is, and when the next beat or bar begins. Knows no OSC and no task."""
