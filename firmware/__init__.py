"""C driver and its ports."""
