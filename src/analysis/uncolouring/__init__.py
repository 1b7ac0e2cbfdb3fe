"""Pictures of spectrograms back to levels: which map coloured them, which levels, which way.

Begin with `levels_of`, which takes a picture and gives `Uncoloured`. `catalogue` holds the maps,
`matching` tells them apart, also after JPEG; `direction` says what is loud and where axes end.
"""

from analysis.uncolouring.reading import Uncoloured, UnreadablePicture, levels_of

__all__ = ["Uncoloured", "UnreadablePicture", "levels_of"]
