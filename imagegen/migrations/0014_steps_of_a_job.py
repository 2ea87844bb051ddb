from django.db import migrations, models


class Migration(migrations.Migration):
    """Note how far a picture is that is drawn here, step by step."""

    dependencies = [("imagegen", "0013_calls_of_prompt_writers")]

    operations = [
        migrations.AddField(model_name="job", name="step", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(model_name="job", name="steps", field=models.PositiveIntegerField(default=0)),
    ]
