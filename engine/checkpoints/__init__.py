"""Checkpoints to networks: folders in the released layout, single files, LoRAs, the registry of models."""
