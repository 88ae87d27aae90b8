"""How the networks of `examples/train.py` are made and trained, one idea a module."""
