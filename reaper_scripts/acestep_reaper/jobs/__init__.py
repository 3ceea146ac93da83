"""What a job is: its target, its settings, what its result is made of, and the commands that ask for it. No REAPER."""
