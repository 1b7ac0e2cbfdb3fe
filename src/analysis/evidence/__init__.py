"""From scores to a verdict: intervals, corrections, attributions.

Begin with `statistics`.
"""
