"""Sequences, splits and their loaders, one a format; prompts and exports."""
