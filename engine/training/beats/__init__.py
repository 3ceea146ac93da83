"""The network that tells beats (`engine/audio/beat_network.py`): music of scores with known beats, and its training."""
