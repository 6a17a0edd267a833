"""From the element tree of a record to its rows, as a contract says.

:mod:`transforms.contract.model` describes the contract's keys, :mod:`transforms.contract.paths` the paths in it;
:mod:`transforms.map.dofn` is the stage.
"""
