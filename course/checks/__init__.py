"""The checks of the exercises: each prints what is right or what exactly is wrong.

A module for each notebook; notebooks call them all as `checks.NAME`, so their names stand here.
"""

from course.checks.gd_sgd_scratch import largest_learning_rate, sgd, stability_limit
from course.checks.momentum_adam import (
    adam,
    adam_first_step,
    adam_patient,
    adamw,
    uncorrected_moment,
)
from course.checks.momentum_clinic import forgotten_batch_size, hypotheses, is_healthy, patient
from course.checks.momentum_distributed import combine, implicit_momentum, received_bytes
from course.checks.momentum_fast import backward_operators, log_cosh_gradient, multiplications
from course.checks.momentum_gluon import average_learning_rate, outside_momentum, step_after_decay
from course.checks.momentum_noise import doubled_variance, same_noise, smallest_batch
from course.checks.momentum_real import best_lr_heavy, recall, untrained_loss
from course.checks.momentum_scratch import (
    final_velocity,
    scaled_feature,
    sgd_momentum,
    smaller_momentum,
)
from course.checks.momentum_today import (
    lion,
    lion_distance,
    momentum_as_average,
    newton_schulz_steps,
    sick_muon,
)
from course.checks.momentum_when import best_momentum, condition_number_factors, edge_lr
from course.checks.momentum_why import complex_rate, end_of_the_cycle, nesterov_matrix
from course.checks.updates import what_it_computes

for _name, _check in list(vars().items()):
    if hasattr(_check, "judge"):
        _check.exercise = _name
