from django.db import migrations, models

import imagegen.states

NEWEST = (models.OrderBy(models.F("created"), descending=True), models.OrderBy(models.F("id"), descending=True))
PUBLISHED = models.Q(
    ("deleted_at", None), ("visibility", imagegen.states.Visibility["PUBLIC"]), models.Q(("picture", ""), _negated=True)
)


class Migration(migrations.Migration):
    """Find the newest pictures of the gallery, of a history, of all, and what lies in the trash, without reading the rest."""

    dependencies = [("imagegen", "0017_fill_in_owner_and_visibility")]

    operations = [
        migrations.AddIndex("job", models.Index(*NEWEST, condition=PUBLISHED, name="job_public")),
        migrations.AddIndex("job", models.Index(models.F("owner"), *NEWEST, name="job_history")),
        migrations.AddIndex("job", models.Index(*NEWEST, name="job_newest")),
        migrations.AddIndex(
            "job",
            models.Index(models.F("deleted_at"), condition=models.Q(("deleted_at__isnull", False)), name="job_deleted"),
        ),
    ]
