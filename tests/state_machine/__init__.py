"""Hypothesis plays the product's story in orders that nobody thought of, and looks at every promise after every step.

`world` holds what the test knows for itself. `owners`, `work`, `rescue` and `clock` do to the rows, one step at a time, what
doors, `calls`, `recovery` and time do in the product. `promises` compares the rows with the world.
"""
