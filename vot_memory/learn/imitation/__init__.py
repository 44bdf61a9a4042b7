"""One policy for all videos: rounds of imitation, fine-tuning by returns, and its files."""
