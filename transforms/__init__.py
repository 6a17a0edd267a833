"""The stages, for anybody's Beam pipeline.

    from transforms import ReadXML, ParseDoFn, MapDoFn, GroupIntoBatches, BulkInsertDoFn

Everything that is public is named in ``__init__.pyi``, and imported when it is asked for: Beam takes a second, and what
reads contracts can do without. What is below may change.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
