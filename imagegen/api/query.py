"""What stands behind the question mark of an address: every word known, and none of them empty."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from imagegen.api.problems import in_field


class Query(serializers.Serializer[Any]):
    """Reads the words of an address; BadSubmission names the one that is wrong."""

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is said, as values; what is not said is not there."""
        query = cls(data=said)
        for name in said:
            if name not in query.fields:
                raise in_field(name[:60], f"is not known here; there are {', '.join(query.fields)}")
            if said[name] == "":
                raise in_field(name, "is empty; leave it out")
        query.is_valid(raise_exception=True)
        values: dict[str, Any] = query.validated_data
        return values
