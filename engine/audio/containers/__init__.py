"""What lies where in an audio file: one examination of a container, for everything that reads it.

A header's length is a claim. Each module walks one kind of container, compares the claim with the bytes that are
there, and says how to read the file to its true end (`Layout`). No samples are decoded here.
"""
