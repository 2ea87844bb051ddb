"""The addresses of the pages."""

from allauth.account import views
from django.urls import path, re_path

from imagegen.addresses import UUID
from imagegen.web import account, compose, decide, image, library, live, media, metrics, pages, pictures, sharing, spending

urlpatterns = [
    path("", compose.compose, name="compose"),
    path("random", compose.draw_by_chance, name="random"),
    path("gallery", pictures.public, name="gallery"),
    path("history", pictures.mine, name="history"),
    path("history/selection", sharing.on_selection, name="selection"),
    path("trash", sharing.trash, name="trash"),
    path("library", library.shelf, name="library"),
    re_path(r"^library/(?P<kind>list|style)$", library.edit, name="library-new"),
    re_path(r"^library/(?P<kind>list|style)/(?P<name>[^?]+)$", library.edit, name="library-edit"),
    path("batches/<uuid:batch_id>", pages.batch, name="batch"),
    re_path(rf"^batches/(?P<batch_id>{UUID})/(?P<decision>cancel|retry)$", decide.on_batch, name="decide-batch"),
    re_path(rf"^jobs/(?P<job_id>{UUID})/(?P<decision>cancel|retry|buy-again)$", decide.on_job, name="decide-job"),
    re_path(rf"^images/(?P<job_id>{UUID})$", image.image, name="image"),
    re_path(rf"^images/(?P<job_id>{UUID})/(?P<form>file|plain)$", image.download, name="image-download"),
    re_path(rf"^images/(?P<job_id>{UUID})/(?P<way>again|vary)$", image.more, name="image-more"),
    re_path(
        rf"^images/(?P<job_id>{UUID})/(?P<wish>publish|take-back|delete|restore)$", sharing.on_picture, name="share-image"
    ),
    re_path(rf"^batches/(?P<batch_id>{UUID})/(?P<wish>publish|take-back)$", sharing.on_batch, name="share-batch"),
    path("account", account.account, name="account"),
    path("accounts/login/", views.login, name="account_login"),
    path("accounts/logout/", views.logout, name="account_logout"),
    path("accounts/signup/", views.signup, name="account_signup"),
    path("accounts/password/change/", views.password_change, name="account_change_password"),
    path("accounts/password/set/", views.password_set, name="account_set_password"),
    path("accounts/inactive/", views.account_inactive, name="account_inactive"),
    path("spending", spending.spending, name="spending"),
    path("events", live.stream, name="events"),
    path("metrics", metrics.view, name="metrics"),
    path("output/<str:name>", media.output, name="output"),
    re_path(
        rf"^media/(?P<job_id>{UUID})\.(?P<suffix>png|jpg|webp|thumb\.webp)$",
        media.picture,
        name="picture",
    ),
]
