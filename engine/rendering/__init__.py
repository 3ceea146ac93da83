"""What happens around the sampler: a request's source and words in, joined and measured results out."""
