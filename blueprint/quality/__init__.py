"""Quality check (质检): every issue of a version has a kind, a level, a place and words a planner understands."""
