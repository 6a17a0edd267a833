"""What stages take where nothing is said; in a module of its own, which imports nothing, for the flags."""

DEFAULT_BATCH_SIZE = 500
DEFAULT_BATCH_BYTES = 16 * 2**20

DEFAULT_MAX_RECORD_BYTES = 64 * 2**20
DEFAULT_MAX_DEPTH = 256
"""libxml2's own limit, unless its option ``huge`` lifts it."""
MAX_MAX_DEPTH = 2048
"""libxml2's limit with ``huge`` (xmlParserMaxDepth in its parserInternals.h)."""

NONE, SPAN, FULL = "none", "span", "full"
"""What is kept of a record that is rejected: neither the record nor its place, its place, or both."""

RETRY_SECONDS = 120.0
"""How long what fails by a transient error is tried again, unless something else is asked for."""
