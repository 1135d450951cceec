"""Raster layers: a grid of values (slope, flood depth, noise) as one Cloud-Optimised GeoTIFF a version."""
