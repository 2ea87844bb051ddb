"""Rows of an earlier version after their migration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from imagegen import migrations
from imagegen.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
NEWEST = max(path.stem for path in Path(*migrations.__path__).glob("[0-9]*.py"))


def migrate(name: str) -> Any:
    """Bring the tables to this state, and return the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([("imagegen", name)])
    return MigrationExecutor(connection).loader.project_state([("imagegen", name)]).apps


@pytest.fixture
def before_owners() -> Iterator[Any]:
    yield migrate("0015_queues_of_a_worker")
    migrate(NEWEST)


def test_a_job_has_the_owner_and_the_visibility_that_its_batch_had(before_owners: Any) -> None:
    batches, jobs = (before_owners.get_model("imagegen", name).objects for name in ("Batch", "Job"))
    ada = User.objects.create_user("ada")
    for key, owner, visibility in (("a", ada.pk, "public"), ("b", ada.pk, "private"), ("c", None, "private")):
        batch = batches.create(key=key, scope="test", source="test", owner_id=owner, visibility=visibility)
        jobs.create(batch=batch, position=0, prompt=key, provider="demo", model="demo")
    migrate(NEWEST)
    found = Job.objects.order_by("prompt").values_list("prompt", "owner", "visibility", "deleted_at")
    assert list(found) == [("a", ada.pk, "public", None), ("b", ada.pk, "private", None), ("c", None, "private", None)]
