"""Codes of spectrograms: learned rivals of JPEG, and what all of them lose.

Begin with `rate`, which compares at equal bytes. `blocks`, `spectrogram_coders`, `linear_coders`
and `shrinking` make fewer numbers of a picture; `denoising` and `time_axis` measure what survives.
"""
