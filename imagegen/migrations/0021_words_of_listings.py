from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# The words of a listing hold nothing but letters and digits, so each database takes them as they are.
# Whoever changes the table of listings makes the triggers anew: Django copies the table on SQLite, and they stay behind.
SQLITE = (
    """
    CREATE VIRTUAL TABLE imagegen_listing_words USING fts5(
        words, content='imagegen_listing', content_rowid='place', tokenize='ascii', prefix='1 2 3 4 5 6 7 8', detail='none'
    )
    """,
    """
    CREATE TRIGGER imagegen_listing_made AFTER INSERT ON imagegen_listing BEGIN
        INSERT INTO imagegen_listing_words(rowid, words) VALUES (new.place, new.words);
    END
    """,
    """
    CREATE TRIGGER imagegen_listing_gone AFTER DELETE ON imagegen_listing BEGIN
        INSERT INTO imagegen_listing_words(imagegen_listing_words, rowid, words) VALUES ('delete', old.place, old.words);
    END
    """,
)
POSTGRESQL = ("CREATE INDEX listing_words ON imagegen_listing USING gin (array_to_tsvector(string_to_array(words, ' ')))",)
UNDONE = {
    "sqlite": (
        "DROP TRIGGER imagegen_listing_made",
        "DROP TRIGGER imagegen_listing_gone",
        "DROP TABLE imagegen_listing_words",
    ),
    "postgresql": ("DROP INDEX listing_words",),
}
DONE = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in DONE[editor.connection.vendor]:
        editor.execute(statement)


def forget(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in UNDONE[editor.connection.vendor]:
        editor.execute(statement)


class Migration(migrations.Migration):
    """Find listings by their words without reading them."""

    dependencies = [("imagegen", "0020_listings")]

    operations = [migrations.RunPython(index, forget)]
