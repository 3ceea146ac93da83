"""What `run.py` needs to install things and to say how it goes. Standard library only: nothing else is there yet."""
