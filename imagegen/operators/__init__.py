"""The operators' pages: Django's admin, where rows are looked at and decisions made, and nothing is written by hand."""
