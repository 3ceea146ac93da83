"""The music that nano learns from: scores, players, sounds, and the words for them."""
