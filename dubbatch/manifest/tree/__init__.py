"""YAML and JSON: events of either parser -> nodes that know their place -> what the top level says."""
