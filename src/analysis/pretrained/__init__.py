"""Nets that photographs have trained, shown spectrograms.

Begin with `transfer`: what a net is fed, and how it is trained on. `efficientnet` is the net,
`photographs` what it was made for, `probes` read its features, on the sounds in `noisy`. Two
studies are stored: `looks` at each contrast and colour (`contrast`), and `pieces`, read by
`readings`, of colour, size and start.
"""
