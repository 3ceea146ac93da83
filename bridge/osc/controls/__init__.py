"""The controls that surfaces set: their values, presets, lamps and labels."""
