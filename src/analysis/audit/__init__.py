"""A reader's own recordings, and what colour does on them.

Begin with `recordings.load`. `listing` finds files and classes, `agreement` chooses what all are
brought to, `untrusted` reads files of which nothing is known, `cache` keeps what was read.
"""
