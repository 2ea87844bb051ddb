from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep with each job the template, seed, choices and style that its prompt was made of."""

    dependencies = [("imagegen", "0010_api_token")]

    operations = [
        migrations.AddField(model_name="job", name="recipe", field=models.JSONField(blank=True, default=dict)),
    ]
