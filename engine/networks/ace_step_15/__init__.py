"""ACE-Step 1.5's networks: one block in five of them and, varied, in the transformer; an Oobleck autoencoder."""
