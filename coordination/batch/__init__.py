"""Batch checks (批量检查): a file of up to 10,000 footprints against the blueprint in one run."""
