"""Whatever reads what others wrote, given anything: `python -m tests.fuzz`, and a short form in the suite."""
