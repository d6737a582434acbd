import os


def connect(url):
    raise ConnectionError(f"cannot connect to {url}")


connect(os.environ["DATABASE_URL"])
