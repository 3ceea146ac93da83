"""What is the same in installing into a DAW: changes of files, whole or not at all, and how things stand."""
