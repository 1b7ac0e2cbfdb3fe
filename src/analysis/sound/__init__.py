"""Sounds and their spectrograms.

Begin with `spectrograms`. `datasets` gives recordings, `signals` chirps and textures whose answer
is known, `partials` notes whose partials are; `aliasing` says what a hop cannot represent.
"""
