"""The OSC controller: control surfaces on one side, the daemon and REAPER on the other. See docs/osc.md."""
