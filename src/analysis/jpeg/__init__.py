"""JPEG as a network, bit-exact.

Begin with `codec.JPEGAutoencoder`; `transform` holds its matrices, `precision` keeps them exact in
any program, `huffman` writes and counts a file's bytes, `files` what Pillow writes. `code` looks at
the coefficients, `colour` reads saved colormaps back.
"""
