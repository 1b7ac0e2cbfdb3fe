from __future__ import annotations

import numpy as np
import pytest

from analysis.pictures.encodings import scaled_table
from analysis.wide_nets import learning_speed
from analysis.wide_nets.kernels import ntk, spectrum


def test_bands_on_a_grid():
    assert learning_speed.band_map("viridis", step=64).shape == (9, 4)


def test_copies_and_width_change_nothing_in_the_ntk_parametrisation():
    grown = learning_speed.growth().set_index("remedy")
    assert np.allclose(grown.loc[["copies", "wider"], ["speed", "speed_stable"]], 1)
    assert (grown.loc["wider, standard", "speed"] > 1).all()


def test_one_fourier_feature_more():
    frame = learning_speed.fourier_speed([1, 3])
    three = frame[frame.features == 3].speed.to_numpy()
    named = learning_speed.predicted_speed(["fourier"], "equal_energy")
    assert three == pytest.approx(named[named.encoding == "fourier"].speed.to_numpy())


def test_band_order_starts_whole():
    frame = learning_speed.band_order(spectrum(ntk(scaled_table("gray8", "equal_energy"))))
    assert frame[frame["rank"] == 1].unlearned.to_numpy() == pytest.approx(np.ones(4))


def test_eigenfunctions_point_the_same_way():
    spectra = {n: spectrum(ntk(scaled_table(n, "equal_energy"))) for n in ("gray8", "turbo")}
    shapes = learning_speed.eigenfunctions(spectra, ranks=(2, 3))
    assert shapes.abs().max().to_numpy() == pytest.approx(1)
    assert (shapes[["gray8 2", "gray8 3"]].iloc[0] > 0).all()
    for rank in (2, 3):
        assert shapes[f"gray8 {rank}"] @ shapes[f"turbo {rank}"] > 0


def test_the_middle_third_is_ranked_among_bands_as_wide():
    frame = learning_speed.band_map("viridis", step=8)
    wide = frame[frame.high - frame.low == 87].index
    low = frame.low[wide]
    frame.loc[wide, "speed"] = np.where(low == 80, 3.0, np.where(low < 80, 2.0, 4.0))
    shares = learning_speed.middle_third({"x": frame})
    assert shares["x"] == (low < 80).sum() / (len(low) - 1)
    assert learning_speed.verdict_split(shares) == "fails"
    frame.loc[wide, "speed"] = 1.0 * (low == 80)
    assert learning_speed.verdict_split(learning_speed.middle_third({"x": frame})) == "holds"
