"""Effects on what was made: pedalboard's own and plug-ins, run in a process of their own."""
