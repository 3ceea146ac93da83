"""ACE-Step 1.5: every file that knows its latents, words, noise levels and sizes."""
