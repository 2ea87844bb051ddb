from django.db import migrations, models


def _named(**fields):
    """Return the columns of a thing that is somebody's and has a name."""
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("scope", models.CharField(max_length=40)),
        ("name", models.CharField(max_length=60)),
        *fields.items(),
    ]


class Migration(migrations.Migration):
    """Keep people's own word lists and styles, and those that staff share."""

    dependencies = [("imagegen", "0011_job_recipe")]

    operations = [
        migrations.CreateModel(name="WordList", fields=_named(text=models.TextField())),
        migrations.CreateModel(
            name="Style",
            fields=_named(
                suffix=models.TextField(blank=True),
                negative_prompt=models.TextField(blank=True),
                preset=models.CharField(blank=True, max_length=60),
            ),
        ),
        migrations.AddConstraint(
            model_name="style",
            constraint=models.UniqueConstraint(models.F("scope"), models.F("name"), name="one_style_per_name"),
        ),
        migrations.AddConstraint(
            model_name="wordlist",
            constraint=models.UniqueConstraint(models.F("scope"), models.F("name"), name="one_list_per_name"),
        ),
    ]
