from django.db import migrations, models


class Migration(migrations.Migration):
    """Let owners have their jobs wait."""

    dependencies = [("imagegen", "0022_marks_and_tags")]

    operations = [migrations.AddField("job", "is_held", models.BooleanField(default=False))]
