"""What colour does on a reader's recordings.

Begin with `crossvalidation`, which trains on what `arms` makes. `plan` says how much, `folds` on
whom; `differences` tells what may be said of it, `cues` what gives a class away without sound, and
`words` puts it into sentences. `handover` carries a set from one process to another.
"""
