"""From the element tree of a record to its rows, as a contract says.

The tree of the contract (:mod:`transforms.contract.plan`) becomes Python source: :mod:`transforms.map.builder` writes
the functions, :mod:`transforms.map.row_code` what stands in them for a row, :mod:`transforms.map.access` what that
reads. They run in :mod:`transforms.map.mapper`; :mod:`transforms.map.dofn` is the stage.
"""
