"""Counting what MXNet executes, with its own profiler."""

import json
import tempfile

from mxnet import nd, profiler

# C functions by which Python starts operators: one by one, a compiled graph, the backward pass.
STARTERS = ("MXImperativeInvokeEx", "MXInvokeCachedOpEx", "MXAutogradBackwardEx")
# What the engine does for itself, some of it a different number of times in each run.
HOUSEKEEPING = ("DeleteVariable", "WaitForVar", "Resource")


def count_operators(run):
    """Call `run()` and count the operators that MXNet executes in it.

    Parameters
    ----------
    run : callable
        Takes no argument.

    Returns
    -------
    tuple of two ints
        How often Python told MXNet to execute something (an operator, a compiled graph, a backward
        pass), and how many operators were executed.
    """
    nd.waitall()  # what was started before does not count
    with tempfile.TemporaryDirectory() as folder:
        profiler.set_config(
            profile_imperative=True,
            profile_symbolic=True,
            profile_api=True,
            aggregate_stats=True,
            filename=f"{folder}/profile.json",  # no file that exists: MXNet begins by deleting it
        )
    profiler.set_state("run")
    try:
        run()
        nd.waitall()
    finally:
        profiler.set_state("stop")
        times = json.loads(profiler.dumps(reset=True, format="json"))["Time"]
    calls, operators = (
        {name: row["Count"] for name, row in times.get(table, {}).items()}
        for table in ("MXNET_C_API", "operator")
    )
    return (
        sum(calls.get(name, 0) for name in STARTERS),
        sum(n for name, n in operators.items() if not name.startswith(HOUSEKEEPING)),
    )
