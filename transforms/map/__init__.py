"""From the element tree of a record to its rows, as a contract says.

:mod:`transforms.map.contract` describes the contract's keys, :mod:`transforms.map.paths` the paths in it;
:mod:`transforms.map.dofn` is the stage.
"""
