"""Kinds of tracker: one file each."""
