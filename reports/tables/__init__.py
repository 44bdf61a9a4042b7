"""Tables of runs that may be compared, and what stands in them."""
