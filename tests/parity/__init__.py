"""The parity suite of covertreex's own two engines: cases, their inputs, the stages, the policy."""
