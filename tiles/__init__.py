"""Vector tiles, TileJSON and styles of the layers in force."""
