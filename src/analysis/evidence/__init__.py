"""From scores to a verdict.

Begin with `contrasts`, comparisons of arms on `folds` that divide no group; `statistics` has the
intervals and tests, `attribution` shares an effect out over steps. `claims` say what decides,
`verdicts` how, `words` put it; `measurements` are the edition's tables.
"""
