from .base import *  # noqa: F403
from .base import env

DEBUG = False
SECRET_KEY = env("BOARD_SECRET_KEY", default="change-me-before-others-see-it")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
