"""Plots of tables, made with matplotlib."""
