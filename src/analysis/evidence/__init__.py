"""From scores to a verdict: intervals, corrections, attributions.

Begin with `contrasts`, comparisons of arms; `statistics` has the intervals and tests, `attribution`
shares an effect out over steps, and `verdicts` is the ladder from answers to a verdict.
"""
