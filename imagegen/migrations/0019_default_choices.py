import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import imagegen.states


class Migration(migrations.Migration):
    """Keep what a person's new forms begin with."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("imagegen", "0018_lists_of_pictures"),
    ]

    operations = [
        migrations.CreateModel(
            name="DefaultChoices",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("provider", models.CharField(blank=True, max_length=60)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("size", models.CharField(blank=True, max_length=20)),
                ("style", models.CharField(blank=True, max_length=60)),
                ("quality", models.CharField(blank=True, max_length=20)),
                ("n", models.PositiveIntegerField(default=1)),
                (
                    "visibility",
                    models.CharField(
                        choices=[("private", "private"), ("public", "public")],
                        default=imagegen.states.Visibility["PRIVATE"],
                        max_length=10,
                    ),
                ),
            ],
        ),
    ]
