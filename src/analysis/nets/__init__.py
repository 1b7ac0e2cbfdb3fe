"""Small networks, many trained at once.

Begin with `training.train`; `compiled` runs its loops, on `layers`, from a `program`. `sweeps`
spreads work over processes and keeps what is done, in `checkpoints`. `classical` learners and
`neighbours` stand beside: they are no nets.
"""
