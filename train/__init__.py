"""Training of the models that heartviz ships; every script runs as `python -m train.NAME`."""
