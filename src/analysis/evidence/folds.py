"""Who is trained on and who is tested: groups (speakers, programs) are never divided.

====================  ==============================================================================
`deal_groups`         folds in turn, class by class, and a core that is never tested
`stratified_folds`    folds with every class in each, scikit-learn's
`hold_out_groups`     one balanced training and test set, a quarter of the groups held out
====================  ==============================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

Ints = NDArray[np.int64]

#: Of ``folds + 2`` slots that groups are dealt to; these are in every training set.
CORE_SLOTS = 2


def deal_groups(groups: NDArray[np.str_], labels: ArrayLike, folds: int, seed: int) -> Ints:
    """Deal groups to folds and to the core, so that every class is spread evenly.

    Groups are dealt in turn, class by class of their first clip, in an order that `seed` draws. A
    recording gets 0 … folds - 1, or -1 for the core, which has `CORE_SLOTS` of ``folds + 2`` slots.

    >>> deal_groups(np.array(list("abcd")), [0, 0, 0, 0], folds=2, seed=0).tolist()
    [-1, 1, 0, -1]
    """
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)
    slots = folds + CORE_SLOTS
    if len(names) < slots:
        raise ValueError(f"{len(names)} groups cannot be dealt to {slots} slots; take fewer folds")
    shuffled = np.random.default_rng([seed, 3]).permutation(len(names))
    order = shuffled[np.argsort(np.asarray(labels)[first[shuffled]], kind="stable")]
    slot = np.empty(len(names), np.int64)
    slot[order] = np.arange(len(names)) % slots
    return np.asarray(np.where(slot < folds, slot, -1)[member], np.int64)


def shared(folds: int, tested: float = 1, draws: int = 1) -> float:
    """Give tested over trained recordings, over draws: the `shared` of `contrasts.effect`.

    Of each run, that tests so many of the folds of `deal_groups` and trains on the rest and the
    core.

    >>> shared(folds=10), shared(folds=10, tested=2, draws=4)
    (0.09090909090909091, 0.05)
    """
    return tested / (folds + CORE_SLOTS - tested) / draws


def stratified_folds(labels: Ints, groups: Ints | None, folds: int, state: int) -> Ints:
    """Deal recordings to folds with every class in each, as far as their groups allow.

    Classes are 0, 1, …; without groups, each recording stands for itself. Fewer folds are made
    where a class or its groups do not suffice. With groups up to 20 shuffles are tried, and the one
    is taken whose training sets lack the fewest classes.

    >>> np.bincount(stratified_folds(np.repeat([0, 1], 4), None, 2, state=0)).tolist()
    [4, 4]
    """
    if groups is None:
        count = max(2, min(folds, int(np.bincount(labels).min())))
        return _tested_in(StratifiedKFold(count, shuffle=True, random_state=state), labels)
    own = [len(np.unique(groups[labels == k])) for k in range(int(labels.max()) + 1)]
    count = max(2, min(folds, min(own)))
    tries = []
    for attempt in range(20):
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=(state + attempt) % 2**31)
        fold = _tested_in(splitter, labels, groups)
        tries.append((_absent(fold, labels), attempt, fold))
        if tries[-1][0] == 0:
            break
    return min(tries, key=lambda attempt: attempt[:2])[2]


def _tested_in(
    splitter: StratifiedKFold | StratifiedGroupKFold, labels: Ints, groups: Ints | None = None
) -> Ints:
    tested = np.full(len(labels), -1, np.int64)
    for fold, (_, test) in enumerate(splitter.split(labels, labels, groups)):
        tested[test] = fold
    return tested


def _absent(folds: Ints, labels: Ints) -> int:
    """Count the classes that some training set lacks, and the folds that are empty."""
    count = 0
    for fold in range(folds.max() + 1):
        train = folds != fold
        count += len(np.unique(labels)) - len(np.unique(labels[train])) + int(train.all())
    return count


def hold_out_groups(
    labels: Ints, groups: NDArray[np.str_], train: int, test: int, seed: int
) -> tuple[Ints, Ints]:
    """Draw balanced training and test sets whose groups differ.

    About a quarter of the groups are held out, drawn anew for every seed: of each class's own
    groups where groups belong to classes (programs to families), else of all groups (speakers). At
    most `train` and `test` examples of each class; returned are their indices.

    >>> labels = np.repeat([0, 1], 8)
    >>> groups = np.tile(np.repeat(["a", "b", "c", "d"], 2), 2)
    >>> [len(part) for part in hold_out_groups(labels, groups, 4, 2, seed=0)]
    [8, 4]
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    owned = [np.unique(groups[labels == label]) for label in classes]
    nested = sum(map(len, owned)) == len(np.unique(groups))
    pools = owned if nested else [np.unique(groups)]
    held = np.concatenate([rng.permutation(pool)[: max(1, round(len(pool) / 4))] for pool in pools])
    away = np.isin(groups, held)
    parts: tuple[list[Ints], list[Ints]] = ([], [])
    for label in classes:
        for part, side, size in zip(parts, (~away, away), (train, test), strict=True):
            part.append(rng.permutation(np.flatnonzero((labels == label) & side))[:size])
    first, second = (np.concatenate(part).astype(np.int64) for part in parts)
    return first, second
