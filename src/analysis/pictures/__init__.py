"""Spectrograms as pictures: from decibels to what a network is fed, and back to sound.

Begin with `encodings`, which turns levels into channels; `pictures` are those of one-second clips.
`steps` takes the steps of "saving as an image" one at a time, `saving` does what libraries do,
`journey` follows one recording through them, `inversion` makes a picture sound again.
"""
