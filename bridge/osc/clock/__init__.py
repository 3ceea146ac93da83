"""The clock of the performance: beats, tempo by hand, the DAW's playhead, repetition."""
