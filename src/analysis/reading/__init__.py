"""One file that somebody else made, read without trust.

Begin with `untrusted`. Sounds are decoded to their end by `decoding` and brought to `clips`, the
values of `arrays` are judged; `facts` are what a file tells beside its content.
"""
