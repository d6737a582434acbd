"""One deployed app, as commands see it: observe, plan, carry out, report."""
