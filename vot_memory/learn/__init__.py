"""Training: the embedded model, and policies that learn."""
