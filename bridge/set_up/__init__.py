"""What `run.py` needs to install things. Standard library only: nothing else is there yet.

machine.py says what this machine is, pytorch.py which build of PyTorch it gets and from where, environment.py makes
`.venv` and runs pip in it, pip_run.py shows one line of progress meanwhile, causes.py turns what pip says into a cause
and a remedy, foreign.py keeps out the settings of other programs' Pythons.
"""
