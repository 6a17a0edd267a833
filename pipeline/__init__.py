"""The job: flags, the graph of stages, how it is launched, and what it reports."""
