import sys


def load_configuration():
    sys.exit("CONFIG is not set")


load_configuration()
