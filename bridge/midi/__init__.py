"""MIDI faders, knobs, buttons and pedals as a surface: a learnable map to the addresses of `docs/osc.md`."""
