"""A reader's own recordings, and what colour does on them.

Begin with `recordings.load`; `untrusted` reads files of which nothing is known.
"""
