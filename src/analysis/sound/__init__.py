"""Sound and its pictures: from a recording to what a network is fed.

Begin with `spectrograms`; `datasets` and `signals` give sounds, `encodings` turns levels into
channels, and `steps` takes the steps of "saving as an image" one at a time.
"""
