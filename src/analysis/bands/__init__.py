"""When colour helps: how much of the class lies in bands of levels.

Begin with `band_index`: one number for a data set, from the `information` that pixels give of the
class. `band_tasks` are those whose gain from colour it predicts.
"""
