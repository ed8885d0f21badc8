"""MXNet's parameter server, started and watched over: on this machine, or one process of it."""

from course.cluster.job import run, start
from course.cluster.process import ClusterError

__all__ = ["ClusterError", "run", "start"]
