"""The takes of a source: made, chosen, launched on the grid, kept, dropped, and undone."""
