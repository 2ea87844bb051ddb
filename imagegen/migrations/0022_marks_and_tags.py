import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep what each person thinks of a picture."""

    dependencies = [("imagegen", "0021_words_of_listings")]

    operations = [
        migrations.CreateModel(
            "Mark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=40)),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="marks", to="imagegen.job"),
                ),
                ("is_favourite", models.BooleanField(default=False)),
                ("rating", models.PositiveSmallIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            "Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=40)),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="imagegen.job"),
                ),
                ("name", models.CharField(max_length=40)),
            ],
        ),
        migrations.AddConstraint(
            "mark", models.UniqueConstraint(models.F("scope"), models.F("job"), name="one_mark_per_person")
        ),
        migrations.AddConstraint(
            "tag",
            models.UniqueConstraint(models.F("scope"), models.F("name"), models.F("job"), name="one_tag_per_name"),
        ),
    ]
