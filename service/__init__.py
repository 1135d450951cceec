"""The roof: puts the packages together as a command line and an HTTP service; nothing imports it."""
