"""The providers, one by one, and what all of them promise."""

import pytest

# Without it a broken promise would be told without saying what was compared.
pytest.register_assert_rewrite("tests.providers.contract")
