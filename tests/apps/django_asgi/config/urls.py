from django.urls import path

from apps.board import views

urlpatterns = [
    path("", views.home),
    path("notes", views.notes),
    path("healthz", views.healthz),
]
