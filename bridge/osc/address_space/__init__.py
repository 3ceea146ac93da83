"""The addresses under `/acestep`, the values they take, and patterns that mean several of them."""
