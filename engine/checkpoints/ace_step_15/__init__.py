"""ACE-Step 1.5's checkpoints: original layout, diffusers' and ComfyUI's split files. Python files in them never run."""
