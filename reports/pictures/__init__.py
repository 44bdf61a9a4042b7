"""Frames of videos with masks drawn into them."""
