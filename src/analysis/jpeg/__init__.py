"""JPEG as a network: every step of the codec, exact to the bit and differentiable.

Begin with `codec.JPEGAutoencoder`; `huffman` writes and counts the bytes of a file.
"""
