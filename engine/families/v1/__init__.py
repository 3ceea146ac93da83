"""ACE-Step v1 (arXiv 2506.00045), and nano, which has its layout: everything that knows their shapes and words."""
