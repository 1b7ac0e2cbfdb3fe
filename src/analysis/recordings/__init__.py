"""A reader's folder: its files, classes and groups, as spectrograms of one size.

Begin with `recordings.load`. `listing` finds what is there: by places (`layouts`), by names as
known sets have them (`schemes`) or by `tables`, whose files `matching` finds; `items` and `groups`
are what it is made of. `agreement` chooses what all are brought to, `cache` keeps what was read.
"""
