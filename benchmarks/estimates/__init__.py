"""What `benchmarks/estimator.py` is made of."""
