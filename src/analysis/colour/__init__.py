"""Colormaps and their geometry.

Begin with `colormaps`: the tables `lut` and `lut8` of every map, and how a map looks to the eye.
What one step neuron makes of a map: `patterns` counts, `margins` measures with which distance,
`staircases` builds the same from gray, `neurons` learns it. What layer of ReLUs a map is:
`piecewise` (certified best fits, searched for in `tubes`); `learned` bends maps by descent.
"""
