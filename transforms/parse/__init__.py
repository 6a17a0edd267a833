"""From the bytes of a record to its element tree; :mod:`transforms.parse.dofn` is the stage."""
