"""The keeper of the site's certificate, as a unit beside the edge; why so: decision 0017."""

from tenfold.engines.acme.render import Acme

__all__ = ["Acme"]
