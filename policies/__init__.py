"""Memory policies: one file each."""
