"""The job: flags, the graph of stages, how it is run, and what it reports."""
