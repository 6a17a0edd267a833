"""The job: flags, the graph of stages, how it is launched, and what it reports."""

import logging

# Beam warns, when it is imported, of packages that only Google's cloud needs.
logging.getLogger().addHandler(logging.NullHandler())
