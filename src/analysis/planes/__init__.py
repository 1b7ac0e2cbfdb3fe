"""Planes in the colour cube: what one step neuron makes of a colormap.

Begin with `patterns`, which counts what planes cut out of a curve; `margins` says with which
distance, and `narrowest` how large the smallest can be. `staircases` builds the same patterns from
gray, `neurons` learns them.
"""
