"""Executable analyses behind *The Coloured Spectrogram*.

Each chapter ``book/<name>.md`` is paired with the module of the same name.
"""
