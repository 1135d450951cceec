"""Benchmarks: ratios measured side by side in one run (`make bench`); results in `bench/results/`."""
