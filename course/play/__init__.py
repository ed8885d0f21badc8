"""What a learner can touch, live in a notebook: the playground, and a training with sliders."""

from course.play.playground import trajectory
from course.play.training import training

__all__ = ["training", "trajectory"]
