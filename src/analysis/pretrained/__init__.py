"""Nets that photographs have trained, shown spectrograms.

Begin with `transfer`: frozen and probed, or trained on. `efficientnet` is the net, `photographs`
what it was made for, `probes` read its features; `contrast` turns the input's contrast and colour,
and `looks` measures that on the sounds in `noisy`.
"""
