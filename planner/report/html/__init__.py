"""The report as one file that opens anywhere: no network, no script of others, all text escaped."""
