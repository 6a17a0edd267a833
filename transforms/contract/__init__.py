"""The language of contracts: from a YAML file to a checked tree, or to the list of all that is wrong with it."""
