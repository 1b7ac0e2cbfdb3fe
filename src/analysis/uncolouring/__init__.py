"""Pictures of spectrograms back to levels: which map coloured them, which levels, which way.

Begin with `levels_of`, which takes a picture and gives `Uncoloured`. `catalogue` holds the maps,
`matching` tells them apart, also after JPEG; `direction` says what is loud and where axes end. Of
a JPEG, `coefficients` reads what the file holds, `inversion` finds levels that give the same file.
"""

from analysis.uncolouring.reading import Uncoloured, UnreadablePicture, levels_of, levels_under

__all__ = ["Uncoloured", "UnreadablePicture", "levels_of", "levels_under"]
