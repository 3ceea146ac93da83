"""What a terminal shows: results, errors, progress, and words for what was measured."""
