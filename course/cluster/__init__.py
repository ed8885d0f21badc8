"""A parameter server of MXNet's, started and watched over: on this machine, or one process of it."""

from course.cluster.job import *  # noqa: F403
from course.cluster.job import be_child  # noqa: F401
