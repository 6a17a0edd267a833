"""The fork server's first import: it keeps Beam from importing what no worker uses.

Beam takes these where they are installed, for its own data frames, sources and sinks, and does without them where they
are not. They cost half a second and 50 MB before the first record, in an environment that has pandas for other ends.
"""

from __future__ import annotations

import logging
import sys

UNUSED = ("pandas", "pyarrow", "pymongo", "apache_beam.io.gcp.bigquery")

for _name in UNUSED:
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # None: its import raises ImportError
# Beam warns, when it is imported, of packages that only Google's cloud needs, and of what is left out here. A worker
# sets up its own log.
logging.getLogger().addHandler(logging.NullHandler())
logging.getLogger("apache_beam.io.mongodbio").setLevel(logging.ERROR)
