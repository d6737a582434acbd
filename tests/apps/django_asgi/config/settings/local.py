from .base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "local"
ALLOWED_HOSTS = ["*"]
