"""Time and count the bytes of data parallel training, with 1, 2 and 4 workers on this machine.

`python benchmarks/scaling.py` prints a table. Every update pushes the gradients, pulls their sum
and updates by the course's own `sgd_momentum`; the same minibatch is shared by more workers.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import mxnet as mx
from mxnet import autograd, gluon, nd

from course import cluster
from course.chapters import sgd_momentum
from course.measuring import traffic

BATCH_SIZE = 128
# Layers of the chapter's regression, and of a network of 1.9 million parameters
MODELS = {"regression": (2, [1]), "network": (784, [1024, 1024, 10])}
SETTINGS = [(None, 0), (1, 1), (2, 1), (4, 1), (2, 2), (4, 2)]  # workers and servers


def train(model, updates, distributed, apart):
    """Train; give the number of parameters and arrays, the bytes and the times of an update.

    Of the bytes, those that this process sent and received; of the seconds, the median over the
    updates of the whole and of the part spent on pushing and pulling.
    """
    inputs, layers = MODELS[model]
    kv = mx.kv.create("dist_sync") if distributed else None
    workers = kv.num_workers if kv else 1
    mx.random.seed(1)
    net = gluon.nn.HybridSequential()
    for units in layers[:-1]:
        net.add(gluon.nn.Dense(units, activation="relu"))
    net.add(gluon.nn.Dense(layers[-1]))
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    features = nd.random.normal(shape=(BATCH_SIZE // workers, inputs))
    labels = nd.random.normal(shape=(BATCH_SIZE // workers, layers[-1]))
    net(features)
    params = [param.data() for param in net.collect_params().values()]
    vs = [nd.zeros(param.shape) for param in params]
    keys, grads = list(range(len(params))), [param.grad for param in params]
    if kv:
        kv.init(keys, params)
        kv.pull(keys, out=params)
    whole, communication = [], []
    for update in range(5 + updates):
        nd.waitall()
        if update == 5:  # the first ones also make connections and buffers
            before = traffic()
        start = time.perf_counter()
        with autograd.record():
            loss = ((net(features) - labels) ** 2).sum() / 2
        loss.backward()
        nd.waitall()
        middle = time.perf_counter()
        if kv:
            if apart:
                kv.push(keys, grads)
                kv.pull(keys, out=grads)
            else:
                kv.pushpull(keys, grads, out=grads)
            nd.waitall()
        end = time.perf_counter()
        sgd_momentum(params, vs, 1e-4, 0.9, BATCH_SIZE)
        nd.waitall()
        if update >= 5:
            whole.append(time.perf_counter() - start)
            communication.append(end - middle)
    after = traffic()
    return {
        "parameters": sum(param.size for param in params),
        "arrays": len(params),
        "sent": (after[0] - before[0]) / updates,
        "received": (after[1] - before[1]) / updates,
        "whole": statistics.median(whole),
        "communication": statistics.median(communication),
    }


def measure(model, updates, apart, workers, servers):
    """Give what `train` gives; of several workers the sum of bytes, and the median of seconds."""
    if workers is None:
        found = cluster.run(train, model, updates, False, apart, workers=1)
    else:
        found = cluster.run(train, model, updates, True, apart, workers=workers, servers=servers)
    combine = {"sent": sum, "received": sum}
    return {key: combine.get(key, statistics.median)(one[key] for one in found) for key in found[0]}


def main():
    """Measure every setting in turn, several times over, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--apart", action="store_true", help="push, then pull, not both at once")
    options = parser.parse_args()
    cases = [(model, *setting) for model in MODELS for setting in SETTINGS]
    rounds = [
        {case: measure(case[0], options.updates, options.apart, *case[1:]) for case in cases}
        for _ in range(options.rounds)
    ]
    print(
        f"Medians of {options.rounds} rounds of {options.updates} updates each, minibatches of "
        f"{BATCH_SIZE}; all processes share the {os.cpu_count()} cores of one machine."
    )
    print(
        "The model of the cost: each worker pushes and pulls every parameter, 2·4·P bytes; "
        "the overhead is what was measured beyond that, for each worker and array.\n"
    )
    print(
        "| model | parameters P | workers W | servers | ms an update | push and pull "
        "| bytes an update | 2·4·P·W | overhead | MB/s |"
    )
    print("|---" * 10 + "|")
    for case in cases:
        model, workers, servers = case
        found = {
            key: statistics.median(one[case][key] for one in rounds) for key in rounds[0][case]
        }
        size, seconds = found["parameters"], found["communication"]
        cells = [model, f"{size:,.0f}", "no KVStore", "", f"{1000 * found['whole']:.2f}"] + [""] * 5
        if workers:
            measured, expected = found["sent"] + found["received"], 8 * size * workers
            cells[2:4] = f"{workers}", f"{servers}"
            cells[5:] = (
                f"{seconds / found['whole']:.0%}",
                f"{measured:,.0f}",
                f"{expected:,.0f}",
                f"{(measured - expected) / workers / found['arrays']:,.0f}",
                f"{measured / seconds / 1e6:,.1f}",
            )
        print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
