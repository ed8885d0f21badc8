"""The command `python -m course.cluster`."""

import sys

from course.cluster.job import main

sys.exit(main())
