"""Hidden gray neurons: the construction, and counts of threshold functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.planes.patterns import changes
from analysis.planes.staircases import hidden_staircase, threshold_functions


def test_counts_of_threshold_functions():
    assert [len(threshold_functions(m)) for m in range(5)] == [2, 4, 14, 104, 1882]
    with pytest.raises(ValueError, match="inputs"):
        threshold_functions(5)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_staircase_makes_any_pattern_with_one_neuron_a_change(pattern):
    net = hidden_staircase(pattern)
    assert net(np.arange(len(pattern))).tolist() == pattern
    assert len(net.thresholds) == changes(pattern)
