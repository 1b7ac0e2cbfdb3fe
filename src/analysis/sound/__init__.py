"""Sounds and their spectrograms.

Begin with `spectrograms`. `datasets` gives recordings (from `archives`, and notes of a `soundfont`;
`card` describes them), `signals` chirps and textures whose answer is known, `partials` notes whose
partials are, and `noise` drowns them; `aliasing` says what a hop cannot represent.
"""
