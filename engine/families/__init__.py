"""Model families: what differs between ACE-Step v1 and other models, so that nothing else needs to know.

    engine/families/
      facts.py          what a checkpoint's files say without loading it: geometry, defaults (no torch)
      table.py          the families there are, and which one a checkpoint is of (no torch)
      family.py         what a loaded model gives to rendering and to the sampler: the protocol `Family`
      v1/               ACE-Step v1 and nano: every file that knows their latents, words, noise levels and sizes
      (a folder for each further family, with the same file names, and one line in table.py)

Their networks are in `engine.networks`, which knows no families.
"""
