"""Sounds and their spectrograms.

Begin with `spectrograms`. `datasets` gives recordings, `signals` chirps and textures whose answer
is known, `partials` notes whose partials are, and `noise` drowns them; `aliasing` says what a hop
cannot represent.
"""
