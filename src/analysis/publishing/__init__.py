"""What a chapter gives to its readers: figures, numbers, verdicts, explorers.

Begin with `figures.publish` and `ledger.record`. `plots` draws the standard pictures, `units` is
what their axes must say; `provenance` says which run a result belongs to. `widgets` are figures
that the reader moves, `glossary` explains words, `report` tells a reader's own results.
"""
