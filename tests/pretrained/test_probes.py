"""Left-out regressions against regressions that are fitted anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.linear_model import Ridge

from analysis.pretrained import probes

RNG = np.random.default_rng(0)


def refit(x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalties: tuple[float, ...]):
    """Nested choice of the penalty and prediction, by fitting every regression anew."""
    test = np.full_like(y, np.nan)
    chosen, least = {}, {}
    for k in range(fold.max() + 1):
        kept = fold != k
        losses = []
        for penalty in penalties:
            loss = 0.0
            for j in range(fold.max() + 1):
                if j == k:
                    continue
                own = kept & (fold != j)
                model = Ridge(penalty).fit(x[own], y[own])
                loss += (
                    (model.predict(x[fold == j]).reshape(-1, y.shape[1]) - y[fold == j]) ** 2
                ).sum()
            losses.append(loss)
        chosen[k] = penalties[int(np.argmin(losses))]
        least[k] = min(losses)
        model = Ridge(chosen[k]).fit(x[kept], y[kept])
        test[fold == k] = model.predict(x[fold == k]).reshape(-1, y.shape[1])
        train = model.predict(x[kept]).reshape(-1, y.shape[1])
    return test, train, chosen, least


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), features=st.integers(1, 30), outputs=st.integers(1, 3))
def test_leaving_folds_out_is_refitting(seed: int, features: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(23, features))
    y = x[:, :1] + rng.normal(size=(23, outputs))
    fold = rng.permutation(np.arange(23) % 5 - 1)
    penalties = (0.03, 1.0, 20.0)
    left = probes.leave_fold_out(x @ x.T, y, fold, penalties)
    test, train, chosen, least = refit(x, y, fold, penalties)
    assert left.penalty == chosen
    assert left.loss == pytest.approx(least)
    np.testing.assert_allclose(left.test, test, atol=1e-7)
    np.testing.assert_allclose(left.train[3][fold != 3], train, atol=1e-7)
    assert np.isnan(left.train[3][fold == 3]).all()


def test_kernels() -> None:
    x = RNG.normal(size=(30, 8)) + 5
    core = np.arange(30) < 12
    kernel = probes.feature_kernel(x, core)
    assert kernel.diagonal().mean() == pytest.approx(1)
    centred = x - x[core].mean(0)
    np.testing.assert_allclose(kernel * (centred**2).sum(1).mean(), centred @ centred.T)


def test_frechet_distance_is_the_textbooks() -> None:
    x, y = RNG.normal(size=(60, 5)), RNG.normal(size=(50, 5)) @ RNG.normal(size=(5, 5)) + 1
    c, d = np.cov(x.T), np.cov(y.T)
    mean = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected = mean + np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    assert probes.frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert probes.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    wide = RNG.normal(size=(10, 40))  # fewer rows than features: singular
    assert probes.frechet_distance(wide, wide + 1) == pytest.approx(40)
