"""The audio that is sent: taken from files, captured before or after the FX."""
