"""A reader's own recordings, and what colour does on them.

Begin with `recordings.load`. `listing` finds files and classes (by their places: `layouts`, by
`tables`, whose files `matching` finds; and their `groups`), `agreement` chooses what all are
brought to, `untrusted` reads files of which nothing is known (sounds: `clips`, by `decoding` them
to their end; `arrays`, whose values are judged; `facts` of the files), `cache` keeps what was read.
Then `plan` says how much is trained, `folds` on whom, and `crossvalidation` trains it on what
`arms` makes; `differences` tells what may be said of it, `cues` what gives a class away without
sound, and `words` puts it into sentences. `handover` carries a set from one process to another.
"""
