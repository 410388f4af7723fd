"""The search in NumPy, where nothing is compiled."""
