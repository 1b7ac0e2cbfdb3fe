"""Predicted risks against drawn examples, scikit-learn and limits that are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some
from sklearn.kernel_ridge import KernelRidge

from analysis.wide_nets import generalisation as gen
from analysis.wide_nets.kernels import stretches
from tests.conftest import sampled


@pytest.mark.parametrize("sigma", [0.0, 3.0, 40.0])
def test_posterior_means_are_those_of_drawn_levels(sigma):
    task = gen.noisy(3, sigma)
    assert task.share.sum() == pytest.approx(1)
    assert task.flips.sum(1) == pytest.approx(np.ones(256))
    true = np.random.default_rng(0).integers(0, 256, 200_000)
    noise = sigma * np.random.default_rng(1).normal(size=len(true))
    seen = np.clip(np.rint(true + noise), 0, 255).astype(int)
    answer = np.sign(stretches(3))[true]
    for low, high in ((0, 1), (70, 100), (100, 156), (255, 256)):
        inside = (seen >= low) & (seen < high)
        expected = np.average(task.mean[low:high], weights=task.share[low:high])
        assert answer[inside].mean() == pytest.approx(expected, abs=5 / np.sqrt(inside.sum()))
        assert inside.mean() == pytest.approx(task.share[low:high].sum(), abs=0.01)


def test_examples_are_drawn_as_described():
    task = gen.noisy(2, 24.0)
    levels, answers = task.draw(100_000, seed=0)
    found = np.bincount(levels, minlength=256) / len(levels)
    assert np.abs(found.cumsum() - task.share.cumsum()).max() < 0.01
    assert answers[levels > 200].mean() == pytest.approx(
        np.average(task.mean[201:], weights=task.share[201:]), abs=0.01
    )


def test_modes_rebuild_the_kernel_and_are_orthonormal():
    share = gen.noisy(2, 24.0).share
    kernel = gen.kernel_under("turbo", share)
    found = gen.modes(kernel, share)
    assert (found.functions * found.values) @ found.functions.T == pytest.approx(kernel, abs=1e-9)
    assert found.functions.T @ (share[:, None] * found.functions) == pytest.approx(
        np.eye(256), abs=1e-9
    )


@how(max_examples=30, deadline=None)
@given(some.integers(0, 1000), some.integers(1, 60), some.floats(1e-6, 100))
def test_learnability_solves_its_equation(seed, examples, ridge):
    values = np.random.default_rng(seed).gamma(0.3, size=40)
    learned = gen.learnability(values, examples, ridge)
    assert ((learned >= 0) & (learned <= 1)).all()
    large = values > 1e-3 * values.max()
    kappa = (values[large] * (1 / learned[large] - 1)).mean()
    assert learned.sum() + ridge / kappa == pytest.approx(examples, rel=1e-5)


def test_equal_noise_and_equal_modes_give_the_published_formula():
    """A kernel that treats all levels alike: both forms are one."""
    n, share = 32, np.full(32, 1 / 32)
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    kernel = np.exp(-np.minimum(distance, n - distance) / 3.0)
    found = gen.modes(kernel, share)
    mean, variance = np.where(np.arange(n) % 2, 0.3, -0.3), np.full(n, 0.2)
    both = [gen.excess_risk(found, mean, variance, 20, 0.5, local) for local in (True, False)]
    assert both[0] == pytest.approx(both[1], rel=1e-9)


def test_many_examples_end_in_the_best_answer_and_a_large_ridge_in_none():
    task = gen.noisy(3, 12.0)
    found = gen.modes(gen.kernel_under("gray8", task.share), task.share)
    risks = [gen.excess_risk(found, task.mean, task.variance, n, 1.0) for n in (10**3, 10**5)]
    assert risks[1] < 0.1 * risks[0]
    nothing = gen.excess_risk(found, task.mean, task.variance, 32, 1e9)
    assert nothing == pytest.approx(task.share @ task.mean**2, rel=1e-3)


def test_drawn_examples_are_fitted_as_scikit_learn_does():
    task = gen.noisy(2, 24.0)
    kernel = gen.kernel_under("viridis", task.share)
    levels, answers = task.draw(300, seed=7)
    other = KernelRidge(alpha=0.7, kernel="precomputed").fit(
        kernel[np.ix_(levels, levels)], answers
    )
    expected = task.share @ (other.predict(kernel[:, levels]) - task.mean) ** 2
    assert gen.monte_carlo(kernel, task, 300, 0.7, [7])[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["gray8", "turbo"])
@pytest.mark.parametrize(
    ("sigma", "examples"), sampled([(12.0, 128), (24.0, 512), (40.0, 32)], (12.0, 128))
)
def test_the_formula_agrees_with_drawn_examples(name, sigma, examples):
    for count in (2, 5):
        task = gen.noisy(count, sigma)
        kernel = gen.kernel_under(name, task.share)
        found = gen.modes(kernel, task.share)
        drawn = gen.monte_carlo(kernel, task, examples, 3.0, range(60))
        error = drawn.std(ddof=1) / np.sqrt(60)
        predicted = gen.excess_risk(found, task.mean, task.variance, examples, 3.0)
        assert abs(drawn.mean() - predicted) < 4 * error + 0.06 * predicted


@pytest.mark.slow
def test_without_noise_and_with_many_examples_the_formula_fails():
    """What is left is at the few levels beside an edge that were not drawn: nothing averages."""
    task = gen.noisy(3, 0.0)
    for name in ("gray8", "turbo"):
        kernel = gen.kernel_under(name, task.share)
        found = gen.modes(kernel, task.share)
        drawn = gen.monte_carlo(kernel, task, 512, 1e-3, range(20)).mean()
        assert gen.excess_risk(found, task.mean, task.variance, 512, 1e-3) < drawn / 3


def test_a_ridge_too_small_has_no_finite_risk():
    task = gen.noisy(2, 48.0)
    found = gen.modes(gen.kernel_under("turbo", task.share), task.share)
    risks = [
        gen.excess_risk(found, task.mean, task.variance, 128, r) for r in np.logspace(-5, 1, 13)
    ]
    assert np.isinf(risks[0])
    assert 0 < risks[-1] < 1


def test_colour_pays_on_noisy_thresholds_and_gains_on_noisy_bands():
    risks = gen.predicted_risks(["gray8", "turbo"], [2, 3], [24.0], [512])
    table = gen.against_gray(risks).set_index("stretches")
    assert list(table.encoding) == ["turbo"] * 2
    assert table.ratio[2] > 1.3
    assert table.ratio[3] < 1
    assert (table.learned > 0.8).all()


def test_trained_nets_have_exact_risks():
    table = gen.trained_risks(["gray8", "turbo"], 2, 24.0, 64, seeds=[3, 4], steps=200)
    assert len(table) == 4
    assert table.excess.between(0, 0.5).all()
    again = gen.trained_risks(["turbo"], 2, 24.0, 64, seeds=[4], steps=200)
    last = table[(table.encoding == "turbo") & (table.seed == 4)].excess
    assert again.excess.iloc[0] == pytest.approx(last.iloc[0], rel=1e-3)
    assert isinstance(table, pd.DataFrame)


def test_ratios_to_gray_are_of_means_over_the_same_draws():
    risks = gen.predicted_risks(["gray8", "turbo", "cool"], [2], [24.0], [64])
    drawn = gen.drawn_risks(risks, range(12))
    table = gen.risk_ratios(drawn).set_index("encoding")
    assert table.measured["cool"] == pytest.approx(1)  # a straight map is gray, draw by draw
    assert table.high["cool"] - table.low["cool"] < 1e-6
    assert table.low["turbo"] < table.measured["turbo"] < table.high["turbo"]
    wide = drawn.pivot(index="seed", columns="encoding", values="excess").mean()
    assert table.measured["turbo"] == pytest.approx(wide["turbo"] / wide["gray8"])


def test_agreement_counts_what_is_resolved():
    ratios = pd.DataFrame({"ratio": [2.0, 0.5, 0.5, np.nan], "measured": [2.0, 0.5, 2.0, 1.0]})
    found = gen.ratio_agreement(ratios.assign(low=[1.5, 0.4, 0.9, 2], high=[3.0, 0.6, 3.0, 3]))
    assert (found["resolved"], found["right"], found["gains"]) == (2, 2, 1)
    assert found["off"] == pytest.approx(1)
    assert 0 < found["correlation"] < 1


def test_nets_are_trained_as_long_as_suits_each():
    found = gen.measured_risks(["gray8", "turbo"], [(2, 24.0, 64)], [0, 1], (20, 200), (1000,))
    assert found.groupby("encoding").steps.nunique().eq(1).all()
    assert set(found.steps) <= {20, 200}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gen.noisy(2, -1.0), "0 or more"),
        (lambda: gen.learnability(np.ones(3), 0, 1.0), "need examples"),
        (lambda: gen.learnability(np.ones(3), 3, 0.0), "need examples"),
    ],
)
def test_what_is_malformed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
