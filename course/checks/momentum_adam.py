"""The checks of `momentum-adam`."""

from course.checks import adaptive
from course.checks.answers import written
from course.checks.verdict import check


@check
def adam(update):
    """Check a learner's ``update(params, states, lr, beta1, beta2, eps, t, batch_size)``."""
    return adaptive.diagnose(written(update))


@check
def adamw(update):
    """Check a learner's update of AdamW: as of Adam, and ``weight_decay`` last."""
    return adaptive.diagnose(written(update), adaptive.ADAMW)
