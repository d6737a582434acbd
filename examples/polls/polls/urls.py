"""Addresses of the polls."""

from django.urls import path

from polls import views

app_name = "polls"
urlpatterns = [
    path("", views.PollList.as_view(), name="polls"),
    path("<int:pk>/", views.poll, name="poll"),
]
