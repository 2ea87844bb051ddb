from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imagegen', '0004_pause_by_hand'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(models.F('sent_at'), name='attempt_sent'),
        ),
    ]
