"""What helps the learner but teaches nothing by being read."""
