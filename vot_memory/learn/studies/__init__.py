"""Studies of memory decisions: each writes one table, video by video, and can be resumed."""
