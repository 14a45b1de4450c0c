"""The residual-correlation metric: its data, which of them is configured, and its distances."""
