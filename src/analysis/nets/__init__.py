"""Networks and their training.

Begin with `training.train`, which trains many small networks at once; `sweeps` spreads work over
processes and keeps what is done; `efficientnet` is the net that ImageNet has trained, `probes` and
`transfer` say what it is worth elsewhere; `kernels` predicts how soon a wide net learns.
"""
