"""What a chapter gives to its readers: figures, numbers, verdicts, explorers.

Begin with `figures.publish` and `ledger.record`. `plots` draws the standard pictures, `units` is
what their axes must say, `citing` writes BibTeX; `execution` runs a chapter, `provenance` and
`forge` say which run of which book it was. `widgets` move in the page, `report` tells a reader's
own results.
"""
