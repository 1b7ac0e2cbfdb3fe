"""Colormaps, and what they do to pixels.

Begin with `colormaps`: the tables `lut` and `lut8` of every map, the two of the book's own
(`curves`) among them. `perception` says how a map suits the eye, `sensitivity` what it makes of
noise in levels, `filtering` of spatial frequencies, and `information` of what neighbouring pixels
tell of each other.
"""
