"""Colormaps and their geometry.

Begin with `colormaps`: the tables `lut` and `lut8` of every map, and how a map looks to the eye.
"""
