"""YAML specifications of conversions, as NeuroConv defines them: make one, check one, run one."""
