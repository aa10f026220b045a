"""The mathematics of node placement: data classes, model and rules; no files, no solver."""
