"""Small networks compared under every encoding, as studies of the published edition.

Begin with `studies`: what is measured once and trained again in part. `tasks` and `arms` say what
is learned from what, `design` which nets are trained, `crossing` trains them; `outcomes` and
`tables` read what came out, `components` where scores vary.
"""
