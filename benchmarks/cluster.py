"""Beyond one machine: sweeps on one and two Dask workers, and what a larger cluster would take.

The model has four measured parts: the time of one unit on one core, what is left of a core's speed
when two work, the scheduler's time for a task, and the time until workers stand. The sweep that is
run here holds it to account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from analysis.sound import spectrograms
from analysis.timing.timings import Row
from benchmarks import front_end, training
from benchmarks.harness import Contender, Effort, ours, peer, rows, take_turns

TITLE = "Beyond one machine"
PEERS = ("distributed",)

Task = Callable[[int], float]


def train_stack(index: int, networks: int, steps: int) -> float:
    """Task of a sweep: train one stack of small networks."""
    training.stacked(*training.cases()["small"], networks, steps)
    return float(index)


def transform_clips(index: int, count: int) -> float:
    """Task of a sweep: make some clips and transform them; only a number travels."""
    found = spectrograms.log_mel(front_end.clips(count, seed=index), front_end.RATE)
    return float(found.mean())


def nothing(index: int) -> int:
    """Task without work: what is left is the scheduler's."""
    return index


def over(client: Any, task: Callable[..., Any], tasks: int, *arguments: int) -> None:
    """Run a task often, on a cluster or here."""
    if client is None:
        for index in range(tasks):
            task(index, *arguments)
    else:
        futures = [client.submit(task, index, *arguments, pure=False) for index in range(tasks)]
        client.gather(futures)


def start(workers: int) -> tuple[Any, Any, float]:
    """Start a local cluster; returns it, its client, and the seconds until its workers stand."""
    distributed = peer("distributed")
    assert distributed is not None
    began = time.perf_counter()
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    )
    client = distributed.Client(cluster)
    client.wait_for_workers(workers)
    return cluster, client, time.perf_counter() - began


def case(
    name: str, unit: str, task: Task, shape: tuple[int, ...], tasks: int, effort: Effort,
    clients: dict[int, Any], starting: float,
) -> list[Row]:  # fmt: skip
    """Time a sweep here, on one worker and on two; keep the model's parts."""
    units = float(shape[0])
    empty = 50 if effort.small else 500
    field = [
        ours(lambda: over(clients[2], task, tasks, *shape), tasks * units, workers=2),
        Contender("this book, 1 Dask worker", lambda: over(clients[1], task, tasks, *shape),
                  "variant", tasks * units, {"workers": 1}),
        Contender("this book, without Dask", lambda: over(None, task, 2, *shape), "variant",
                  2 * units, {"workers": 0}),
        Contender("tasks without work", lambda: over(clients[2], nothing, empty), "variant",
                  empty * units, {"workers": 2}),
    ]  # fmt: skip
    seconds = take_turns(field, effort.rounds, time.perf_counter)
    both, one, here, none = np.median(seconds, axis=0)
    field[0] = ours(
        field[0].run, tasks * units, workers=2, tasks=tasks,
        _unit_seconds=float(here / (2 * units)), _efficiency=float(min(1.0, one / (2 * both))),
        _task_seconds=float(none / empty), _start_seconds=starting, _units=units,
    )  # fmt: skip
    return rows(name, unit, field, seconds)


def measure(effort: Effort) -> list[Row]:
    """Run both sweeps; nothing if `distributed` is absent."""
    if not peer("distributed"):
        return []
    few = Effort(min(effort.rounds, 2), effort.small)
    stack, steps, tasks = (2, 2, 2) if effort.small else (16, 20, 12)
    clips, parts = (4, 2) if effort.small else (500, 12)
    with ExitStack() as stack_of_exits:
        clients, starting = {}, 0.0
        for workers in (1, 2):
            cluster, client, starting = start(workers)
            stack_of_exits.callback(_closed, client, cluster)
            clients[workers] = client
        arguments = (few, clients, starting)
        return [
            *case(
                f"small networks, {steps} steps", "networks", train_stack, (stack, steps), tasks,
                *arguments,
            ),
            *case("clips to mel spectrograms", "clips", transform_clips, (clips,), parts,
                  *arguments),
        ]  # fmt: skip


def _closed(client: Any, cluster: Any) -> None:
    with suppress(Exception):  # a worker that is slow to end is killed by the next line
        client.close()
    cluster.close()
