"""What the data card tells."""

from __future__ import annotations

import numpy as np

from analysis.sound import card, datasets


def test_examples_are_recordings_of_their_class() -> None:
    notes = datasets.instruments(max_per_class=3)
    drawn = card.examples({"instruments": notes}, seed=0)
    labels = dict(zip(notes.clips, np.array(notes.label_names)[notes.labels], strict=True))
    assert len({one.label for one in drawn}) == 4
    assert all(labels[one.clip] == one.label for one in drawn)
    table = card.pixels(drawn)
    assert len(table) == 4 * 48
    assert np.allclose(table.filter(like="frame").to_numpy()[:48], drawn[0].db, atol=0.051)


def test_overview_and_levels_tell_of_every_recording() -> None:
    notes = datasets.instruments(max_per_class=2)
    overview, levels = card.overview({"instruments": notes}), card.levels({"instruments": notes})
    assert overview.loc["train", "instruments"].startswith("18 clips, ")
    assert np.array_equal(levels.level_db, card.levels_db(notes))
    assert set(levels.split[levels["clip"] == notes.clips[0]]) == {notes.split[0]}
