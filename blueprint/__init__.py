"""The ground of One Blueprint (一张蓝图): city, database, permissions, layers, and what the plan says of a place."""
