"""Sound and its pictures: from a recording to what a network is fed.

Begin with `spectrograms`; `datasets` and `signals` give sounds, `encodings` turns levels into
channels, `steps` takes the steps of "saving as an image" one at a time. `pictures` are those of
one-second clips, `inversion` makes them sound again, `linear_coders` and `aliasing` say what a
smaller picture loses.
"""
