"""What compressing a spectrogram costs: the chapter's settings, experiments and verdicts.

The methods are `analysis.coders.rate`; linear encoders and bounds `analysis.coders.linear_coders`;
aliasing `analysis.sound.aliasing`; JPEG as a denoiser `analysis.coders.denoising`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import qr
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from analysis.coders.rate import Bench
from analysis.evidence.statistics import Interval, equivalence, holm, mean_interval
from analysis.evidence.verdicts import graded, surely_above
from analysis.pictures.inversion import griffin_lim_snr
from analysis.pictures.pictures import ROWS, WINDOW, Pictures, pictures
from analysis.sound import spectrograms
from analysis.sound.datasets import AudioSet

Array = NDArray[np.float64]
Seen = tuple[float, NDArray[np.float32], NDArray[np.float32]]  # bytes; features: training, test


@dataclass(frozen=True)
class Settings:
    """What a profile means: sizes and numbers of repetitions.

    `train_per_class`: Clips of a class from which the learned coders and the classifier learn.
    `test_per_class`: Clips of a class on which rate and distortion are measured.
    `classified_per_class`: Clips of a class on which the classifier is tested. `classified`:
    Methods that the classifier is tried with. `bottlenecks`: Numbers that the autoencoder keeps of
    each block. `epochs`: Of the autoencoder. `seeds`: Training sets of the classifier.
    `griffin_lim_clips`: Clips that are resynthesised without the phase. `aliased_clips`: Real
    sounds of each set for the hop-size experiment. `map_per_class`: Notes of a class for the best
    linear map through 1024 numbers. `map_row_step`: Every so many of the 1356 rows enter that map's
    bound. `large_pictures`: Of 1356 × 1071 pixels, resized. `event_clips`: Clips with, and as many
    without, the millisecond event. `chirps`: Chirps to learn from; two thirds as many to test on.
    `repetitions`: Of the denoising experiment. `snr_db`: Of the noisy chirps.
    """

    train_per_class: int
    test_per_class: int
    classified_per_class: int
    classified: tuple[str, ...]
    bottlenecks: tuple[int, ...]
    epochs: int
    seeds: int
    griffin_lim_clips: int
    aliased_clips: int
    map_per_class: int
    map_row_step: int
    large_pictures: int
    event_clips: int
    chirps: int
    repetitions: int
    snr_db: tuple[float, ...]


SETTINGS = dict.fromkeys(
    ("edition", "rehearsal"),
    Settings(
        train_per_class=30,
        test_per_class=2,
        classified_per_class=20,
        classified=("hop", "decimation", "pca", "jpeg"),
        bottlenecks=(16, 64),
        epochs=2,
        seeds=3,
        griffin_lim_clips=4,
        aliased_clips=10,
        map_per_class=140,
        map_row_step=8,
        large_pictures=4,
        event_clips=200,
        chirps=150,
        repetitions=6,
        snr_db=(-10.0, 0.0, 10.0, 20.0),
    ),
) | {
    "large": Settings(
        train_per_class=80,
        test_per_class=12,
        classified_per_class=60,
        classified=("hop", "decimation", "area", "pca", "autoencoder", "jpeg", "jpeg2000", "webp"),
        bottlenecks=(4, 16, 64),
        epochs=10,
        seeds=10,
        griffin_lim_clips=18,
        aliased_clips=40,
        map_per_class=300,
        map_row_step=4,
        large_pictures=24,
        event_clips=1000,
        chirps=450,
        repetitions=12,
        snr_db=(-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0),
    )
}

_GRIFFIN_LIM_ROUNDS = 20

#: What is listened to without the phase.
_RESYNTHESISED = (
    ("hop", 8),
    ("decimation", 8),
    ("pca", 16),
    ("jpeg", 30),
    ("jpeg2000", 15),
    ("webp", 50),
)


def griffin_lim_table(bench: Bench, db: Pictures, seed: int) -> pd.DataFrame:
    """`griffin_lim_snr` of several files of two to three kilobytes, and of the clean picture."""
    offered = bench.file_settings()
    decoded = {("clean", ""): db} | {
        (method, str(setting)): bench.through_file(method, setting, db, count=False)[1]
        for method, setting in _RESYNTHESISED
        if (method, setting) in offered
    }
    tables = []
    for (method, setting), found in tqdm(decoded.items(), desc="Griffin–Lim", disable=None):
        known = {"method": method, "setting": setting, "clip": np.arange(len(db))}
        ratio = griffin_lim_snr(db, found, _GRIFFIN_LIM_ROUNDS, seed)
        tables.append(pd.DataFrame(known | {"snr_db": ratio}))
    return pd.concat(tables, ignore_index=True)


#: Rows and columns of the picture that the classifier sees.
SEEN = (32, 32)

#: Three settings a method, from mild to harsh, that the classifier is tried with.
CLASSIFIED_SETTINGS: dict[str, tuple[Any, ...]] = {
    "hop": (2, 8, 32),
    "decimation": (2, 8, 32),
    "area": ((2, 2), (4, 4), (8, 8)),
    "pca": (16, 64, 160),
    "autoencoder": ((64, 16), (64, 64), (64, 128)),
    "jpeg": (75, 30, 3),
    "jpeg2000": (8, 15, 60),
    "webp": (75, 20, 1),
}


def features_of(db: Pictures) -> NDArray[np.float32]:
    """Turn a decoded picture into what the classifier sees.

    The picture averaged to 32 mel bands × 32 times (in dB), and how the bands vary together: their
    covariances, at the same time and one time later, as signed square roots (again dB). The latter
    do not change when a word begins later.
    """
    bank = spectrograms.mel_filterbank(SEEN[0], WINDOW)[:, :ROWS]
    bank = bank / bank.sum(axis=1, keepdims=True)
    seen = spectrograms.resize(bank @ db, SEEN)
    centred = seen - seen.mean(axis=2, keepdims=True)
    now = (centred @ centred.transpose(0, 2, 1))[:, *np.triu_indices(SEEN[0])]
    later = (centred[:, :, :-1] @ centred[:, :, 1:].transpose(0, 2, 1)).reshape(len(db), -1)
    together = np.concatenate([now, later], axis=1) / SEEN[1]
    rooted = np.sign(together) * np.sqrt(np.abs(together))
    return np.concatenate([seen.reshape(len(db), -1), rooted], axis=1).astype(np.float32)


def classify(
    train: NDArray[np.float32], labels: NDArray[np.int64], tests: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.int64]]:
    """Classes that a logistic regression gives to several sets of features.

    Features are standardised by the training set, with 1 dB added to each deviation; the penalty is
    fixed (C = 0.01). The fit runs in the space that the training clips span, where a penalised
    linear model lies anyhow: the same model, sooner.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1
    basis = qr(((train - mean) / spread).T, mode="economic")[0]
    model = LogisticRegression(C=0.01, tol=1e-2, max_iter=1000)
    model.fit(((train - mean) / spread @ basis).astype(np.float64), labels)
    scores = ((x - mean) / spread @ basis @ model.coef_.T + model.intercept_ for x in tests)
    return [np.asarray(model.classes_[score.argmax(axis=1)], np.int64) for score in scores]


@dataclass(frozen=True)
class Split:
    """Pictures of clips with labels and groups (programs or speakers)."""

    db: Pictures
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]

    @classmethod
    def of(cls, audio: AudioSet) -> Split:
        """Pictures of a set of clips."""
        return cls(pictures(audio.waveforms), audio.labels, audio.groups)


def classification(
    bench: Bench, train: Split, test: Split, methods: Sequence[str], seeds: int, seed: int
) -> pd.DataFrame:
    """Accuracy after compression, trained on clean (mismatched) or compressed (matched) pictures.

    Each of the `seeds` draws four fifths of the training clips, the same for every method. The
    groups of the two splits are disjoint, so a program or speaker under test was never heard.
    """
    known = {"clean": (np.nan, features_of(train.db), features_of(test.db))}
    offered = {method for method, _ in bench.file_settings()}
    plan = [(m, s) for m in methods if m in offered for s in CLASSIFIED_SETTINGS[m]]
    for method, setting in tqdm(plan, desc="compressing for the classifier", disable=None):
        nbytes, decoded = bench.through_file(method, setting, test.db)
        _, learned = bench.through_file(method, setting, train.db, count=False)
        seen = (float(nbytes.mean()), features_of(learned), features_of(decoded))
        known[f"{method} {setting}"] = seen
    right: dict[tuple[str, str], list[tuple[Array, float]]] = {}
    for i in tqdm(range(seeds), desc="classifier", disable=None):
        rng = np.random.default_rng([seed, i])
        chosen = rng.permutation(len(train.labels))[: len(train.labels) * 4 // 5]
        for key, score in _scores(known, train.labels, test.labels, chosen):
            right.setdefault(key, []).append(score)
    return _by_group(right, known, test.groups)


def _scores(
    known: dict[str, Seen],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    chosen: NDArray[np.intp],
) -> Iterable[tuple[tuple[str, str], tuple[Array, float]]]:
    """Which test clips are right, and the training accuracy, of each condition and regime."""
    clean = known["clean"][1]
    guesses = classify(
        clean[chosen], labels[chosen], [clean[chosen], *(seen for _, _, seen in known.values())]
    )
    fitted = float((guesses[0] == labels[chosen]).mean())
    for name, guess in zip(known, guesses[1:], strict=True):
        yield (name, "mismatched"), ((guess == truth).astype(float), fitted)
    for name, (_, learned, seen) in known.items():
        own, guess = classify(learned[chosen], labels[chosen], [learned[chosen], seen])
        fitted = float((own == labels[chosen]).mean())
        yield (name, "matched"), ((guess == truth).astype(float), fitted)


def _by_group(
    right: dict[tuple[str, str], list[tuple[Array, float]]],
    known: dict[str, Seen],
    groups: NDArray[np.str_],
) -> pd.DataFrame:
    tables = []
    for (name, regime), scores in right.items():
        clips, trained = (np.mean(part, axis=0) for part in zip(*scores, strict=True))
        table = pd.DataFrame({"group": groups, "accuracy": clips})
        table = table.groupby("group", as_index=False).mean()
        method, _, setting = name.partition(" ")
        what: dict[str, Any] = {"method": method, "setting": setting}
        what |= {"bytes": known[name][0], "regime": regime}
        tables.append(table.assign(**what, train_accuracy=float(trained)))
    return pd.concat(tables, ignore_index=True)


#: Methods and settings whose change of the accuracy the prose tells.
_HARSH = (("jpeg", "30"), ("jpeg", "3"), ("hop", "32"), ("decimation", "32"))

#: Change of the accuracy that was declared negligible beforehand: three percentage points.
MARGIN = 0.03


def accuracies(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Accuracy and its paired difference from the clean pictures, with intervals."""
    reference = table[(table.method == "clean") & (table.regime == "matched")]
    clean = reference.accuracy.to_numpy()
    rows, tests = [], []
    for keys, group in table.groupby(["method", "setting", "regime"], sort=False):
        accuracy = group.accuracy.to_numpy()
        row: dict[str, Any] = dict(zip(("method", "setting", "regime"), keys, strict=True))
        row |= {"bytes": group.bytes.iloc[0]}
        row |= mean_interval(100 * accuracy, seed).columns("accuracy")
        row |= mean_interval(100 * (accuracy - clean), seed).columns("change")
        rows.append(row | {"train_accuracy": 100 * group.train_accuracy.iloc[0]})
        tests.append(equivalence(accuracy, clean, MARGIN, seed))
    corrected = holm([test.pvalue for test in tests])
    within = [test.equivalent and p < 0.05 for test, p in zip(tests, corrected, strict=True)]
    return pd.DataFrame(rows).assign(equivalent=within)


def accuracies_told(table: pd.DataFrame | None) -> dict[str, Any]:
    """Tell one set's `accuracies` as the prose does, with dashes where the set is not there."""
    if table is None:
        names = ("clean", "train", "jpeg30", "jpeg3", "hop32", "decimation32", "matched", "size")
        return dict.fromkeys(names, "–")
    rows = {(row.method, row.setting, row.regime): row for row in table.itertuples()}
    clean = rows["clean", "", "matched"]
    asked = {f"{m}{s}": (m, s, "mismatched") for m, s in _HARSH}
    asked |= {"matched": ("hop", "32", "matched")}
    form = "{:+.1f} [{:+.1f}, {:+.1f}]"
    sizes = [rows["jpeg", quality, "mismatched"].bytes for quality in ("30", "3")]
    return {
        "clean": (clean.accuracy, "{:.0f} %"),
        "train": (clean.train_accuracy, "{:.0f} %"),
        "size": (sizes, "{:,.0f} and {:,.0f} bytes"),
        **{
            name: form.format(rows[key].change, rows[key].change_low, rows[key].change_high)
            for name, key in asked.items()
        },
    }


#: An alias is worth the name if it carries more than this share of the modulation.
ALIAS_SHARE = 0.01

#: Loss of the area under the ROC curve that makes a compression of time unsafe.
UNSAFE_LOSS = 0.05

#: Rank correlation above which two distances are said to agree.
AGREEMENT = 0.8


def verdict_hop(
    aliased: Sequence[Interval], decimation: Sequence[Interval], codec: Sequence[Interval]
) -> str:
    """Verdict on C3: hop-size subsampling aliases; decimation or an image codec compresses better.

    ``"holds"`` if every share lies above `ALIAS_SHARE` and every gain above 0 (by the 95 %
    intervals); ``"holds with limits"`` if some do; ``"fails"`` if all lie below.
    """
    parts = [surely_above(share, ALIAS_SHARE) for share in aliased]
    return graded([*parts, *(surely_above(gain) for gain in (*decimation, *codec))])


def verdict_jpeg(gains: Sequence[Interval]) -> str:
    """Verdict on C4 at equal bytes: JPEG is a highly effective autoencoder.

    ``"holds"`` if JPEG is ahead of all everywhere, ``"holds with limits"`` somewhere,
    ``"fails"`` nowhere.
    """
    return graded([surely_above(gain) for gain in gains])


def verdict_measurable(correlations: Sequence[Interval], least: float = 0.0) -> str:
    """Verdict on C6: what a spectrogram loses can be measured.

    Of a distance's rank correlation with the bytes saved: a distance measures the loss if it surely
    grows with them. With `least` `AGREEMENT`, of two distances' with each other: is it one number?
    """
    return graded([surely_above(r, least) for r in correlations])


def verdict_time_axis(table: pd.DataFrame, snr_db: float, ways: Sequence[str]) -> str:
    """Verdict on D2: the time axis may be compressed, unsafely, a thousandfold.

    A way of compressing is *unsafe* if at a factor of 1000 even the upper end of the interval of
    the area under the curve lies more than `UNSAFE_LOSS` below that at factor 1. `graded` by ways.
    """
    at = table[table.snr_db == snr_db].set_index(["way", "factor"])
    return graded([bool(at.auc_high[w, 1000] < at.auc[w, 1] - UNSAFE_LOSS) for w in ways])


def verdict_any_linear(
    noise_db: float, notes_db: float, resized_db: Sequence[float], rounding_db: float
) -> str:
    """Verdict on Q4's 32 × 32: such a compression cannot be lossless.

    Lossless up to 8 bits would be an error no larger than what rounding to 8 bits itself makes. All
    four are root mean squares. (`separable_bound` has no say: it allows a resize made for a single
    picture, and a map that knows its picture needs no numbers at all.)

    ``"holds"`` if all exceed the rounding, ``"holds with limits"`` if some do, else
    ``"fails"``.
    """
    return graded([bool(bound > rounding_db) for bound in (noise_db, notes_db, *resized_db)])


def unsafe_from(table: pd.DataFrame, way: str, snr_db: float) -> int | None:
    """Smallest factor of `FACTORS` at which a way of shortening time is surely unsafe."""
    rows = table[(table.way == way) & (table.snr_db == snr_db)].sort_values("factor")
    whole = rows.auc.iloc[0]
    unsafe = rows[rows.auc_high < whole - UNSAFE_LOSS]
    return int(unsafe.factor.iloc[0]) if len(unsafe) else None
