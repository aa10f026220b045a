"""From a network to a plan: model, HiGHS, ladder, search, and where in a large network to look."""
