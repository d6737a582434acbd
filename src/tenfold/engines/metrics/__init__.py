"""Who gathers the site's figures, as a unit beside the app; why so: decision 0019."""

from tenfold.engines.metrics.render import Metrics

__all__ = ["Metrics"]
