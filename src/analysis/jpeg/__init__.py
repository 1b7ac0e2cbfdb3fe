"""JPEG as a network, its rivals, and what they all cost.

Begin with `codec.JPEGAutoencoder`; `transform` holds its matrices, `precision` keeps them
exact in any program, `huffman` writes and counts the bytes of a file. `blocks` and
`spectrogram_coders` are learned rivals, `files` what Pillow writes, `rate` compares at equal bytes;
`colour` reads saved colormaps back, `denoising` measures JPEG against noise.
"""
