"""Process tables as data files: stages, project types, items and materials, each row with its source."""
