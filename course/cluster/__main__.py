"""The command that runs a script in every worker of a parameter server.

For example::

    python -m course.cluster --workers 4 --servers 2 SCRIPT [ARGUMENT ...]
"""

import argparse
import signal
import sys

from course.cluster.hosts import take_part
from course.cluster.job import folder_of, pack_task, run
from course.cluster.process import PATIENCE, ClusterError


def positive(text):
    """Read an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text!r}")
    return int(text)


def port_number(text):
    """Read a port."""
    if not text.isdecimal() or not 1 <= int(text) <= 65534:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65534, got {text!r}")
    return int(text)


def address(text):
    """Read HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not host or not colon:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return host, port_number(port)


def main(argv=None):
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m course.cluster",
        description="Run SCRIPT in every worker of a parameter server on this machine; with --role, "
        "be one process of it, the others on other machines. ps-lite neither encrypts nor asks who "
        "is there: use --role in a network that you trust only.",
    )
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="(default: 2)")
    parser.add_argument("--servers", type=positive, default=1, metavar="N", help="(default: 1)")
    parser.add_argument(
        "--port", type=port_number, help="where the scheduler listens (default: a free port)"
    )
    parser.add_argument(
        "--in-order", action="store_true", help="show worker 0's output first, then worker 1's, ..."
    )
    parser.add_argument(
        "--limit", type=positive, metavar="SECONDS", help="end the job after this time"
    )
    parser.add_argument(
        "--role",
        choices=("scheduler", "server", "worker"),
        help="be this process; the same command with another role runs on the other machines",
    )
    parser.add_argument(
        "--root",
        type=address,
        metavar="HOST:PORT",
        help="the address where the scheduler listens; the port after it is used too",
    )
    parser.add_argument(
        "--wait",
        type=positive,
        default=PATIENCE,
        metavar="SECONDS",
        help=f"with --role: how long to wait for the others at the start (default: {PATIENCE})",
    )
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    if (options.role is None) != (options.root is None):
        parser.error("--role and --root belong together: give both, or none")
    if options.role and (options.port or options.limit or options.in_order):
        parser.error("--port, --limit and --in-order are for a job on this machine, without --role")

    def leave(number, frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as `nohup` wishes
        signal.signal(signal.SIGHUP, leave)
    # A shell without job control starts its background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if options.role:
            take_part(
                role=options.role,
                root=options.root,
                workers=options.workers,
                servers=options.servers,
                task=pack_task(options.script, options.arguments, {}),
                folder=folder_of(options.script),
                wait=options.wait,
            )
        else:
            run(
                options.script,
                *options.arguments,
                workers=options.workers,
                servers=options.servers,
                port=options.port,
                in_order=options.in_order,
                limit=options.limit,
            )
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; every process has been ended", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
