"""APIs: one module per dialect. Each parses, calls one function and shapes the answer."""
