"""A run on this machine: worker processes take slices of the input, and each runs a Beam pipeline in itself."""
