"""What a chapter gives to its readers: figures, numbers, verdicts, explorers.

Begin with `figures.publish` and `ledger.record`; `provenance` says which run a result belongs to.
"""
