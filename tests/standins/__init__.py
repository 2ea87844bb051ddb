"""Local servers that speak a provider's protocol, for tests: each keeps its own bill."""
