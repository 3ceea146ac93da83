"""Beats and chords on a grid of frames: given by the request, or heard in the source."""
