from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imagegen', '0002_decode_every_kept_picture'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='tries_from',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
