"""Colormaps as layers of ReLU neurons.

Begin with `piecewise`: exact layers, and best fits that are certified, searched for in `tubes`.
`learned` bends maps of a given size by gradient descent.
"""
