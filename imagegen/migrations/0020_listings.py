import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import imagegen.states

NEWEST = (models.OrderBy(models.F("created"), descending=True), models.OrderBy(models.F("id"), descending=True))
UNLISTED = models.Q(("deleted_at", None), ("place", None))
TO_LIST = models.Q(("deleted_at", None), ("place", None), models.Q(("picture", ""), _negated=True))
THROWN = (models.OrderBy(models.F("deleted_at"), descending=True), models.OrderBy(models.F("id"), descending=True))
LATEST = models.OrderBy(models.F("place"), descending=True)
PUBLIC = models.Q(("visibility", imagegen.states.Visibility["PUBLIC"]))
OWNER = models.ForeignKey(
    settings.AUTH_USER_MODEL, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", db_index=False
)
VISIBILITIES = [("private", "private"), ("public", "public")]
STATES = [(state, state) for state in ("queued", "running", "succeeded", "failed", "refused", "canceled", "unknown")]


class Migration(migrations.Migration):
    """Keep what searches read in rows of its own."""

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("imagegen", "0019_default_choices")]

    operations = [
        migrations.AddField("job", "place", models.BigIntegerField(null=True)),
        migrations.AddIndex(
            "job",
            models.Index(models.F("place"), models.F("owner"), *NEWEST, condition=UNLISTED, name="job_unlisted"),
        ),
        migrations.AddIndex(
            "job", models.Index(models.F("place"), models.F("ended_at"), condition=TO_LIST, name="job_to_list")
        ),
        migrations.AddIndex(
            "job",
            models.Index(models.F("owner"), *THROWN, condition=models.Q(("deleted_at__isnull", False)), name="job_trash"),
        ),
        migrations.CreateModel(
            "Listing",
            fields=[
                ("place", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="listing", to="imagegen.job"
                    ),
                ),
                ("owner", OWNER),
                ("visibility", models.CharField(choices=VISIBILITIES, max_length=10)),
                ("state", models.CharField(choices=STATES, max_length=10)),
                ("provider", models.CharField(max_length=60)),
                ("model", models.CharField(max_length=200)),
                ("style", models.CharField(blank=True, max_length=60)),
                ("width", models.PositiveIntegerField(null=True)),
                ("height", models.PositiveIntegerField(null=True)),
                ("words", models.TextField()),
            ],
        ),
        migrations.AddIndex("listing", models.Index(models.F("owner"), LATEST, name="listing_history")),
        migrations.AddIndex("listing", models.Index(LATEST, condition=PUBLIC, name="listing_public")),
    ]
