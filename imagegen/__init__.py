"""Prompts in, pictures out: the one Django app. The layers are drawn in CONTRIBUTING.md."""
