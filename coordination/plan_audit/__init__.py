"""The audit of plans against each other (多规差异分析): where two layers that should not overlap do, and what becomes of it."""
