import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import imagegen.states


class Migration(migrations.Migration):
    """Give each job the owner and the visibility of its batch, and a place in the trash."""

    dependencies = [
        ("imagegen", "0015_queues_of_a_worker"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(model_name="job", name="deleted_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="job",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="visibility",
            field=models.CharField(
                choices=[("private", "private"), ("public", "public")],
                default=imagegen.states.Visibility["PRIVATE"],
                max_length=10,
            ),
        ),
    ]
