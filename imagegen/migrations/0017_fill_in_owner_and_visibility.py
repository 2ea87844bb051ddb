from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery


def take_from_batch(apps: Any, _: Any) -> None:
    batch = apps.get_model("imagegen", "Batch").objects.filter(pk=OuterRef("batch_id"))
    apps.get_model("imagegen", "Job").objects.update(
        owner_id=Subquery(batch.values("owner_id")), visibility=Subquery(batch.values("visibility"))
    )


class Migration(migrations.Migration):
    """Fill in what was the batch's alone; by itself, because PostgreSQL makes no index amid changes of rows."""

    dependencies = [("imagegen", "0016_job_owner_and_visibility")]

    operations = [migrations.RunPython(take_from_batch, migrations.RunPython.noop)]
