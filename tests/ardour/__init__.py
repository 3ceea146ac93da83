"""The scripts for Ardour in Ardour itself, on a virtual display: `python -m tests.ardour`, never run by the suite."""
