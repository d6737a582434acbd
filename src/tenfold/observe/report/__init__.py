"""The report of a transition: what is known of it when it is over, and how that is shown.

::

    model.py      the report as frozen data, to and from JSON
    waits.py      how long requests waited, from the edge's access log
    text.py       lines for a terminal
    page.py       one page of HTML that needs nothing else
    store.py      the files in .tenfold/reports/
"""
