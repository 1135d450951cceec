"""A made-up year of a city's approval, lived through the HTTP API: for the demo, for trying statistics, for tests."""
