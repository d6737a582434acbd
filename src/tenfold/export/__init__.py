"""A static site: an app's own pages, asked in its process and written as files, or what a generator
wrote; links are looked at.

What is asked, where an answer lands, what a link leads to and what clashes is decided without
looking (:mod:`.paths`, :mod:`.places`, :mod:`.links`, :mod:`.answers`, :mod:`.crawl`);
:mod:`.renderer` starts the app, :mod:`.folder` writes, :mod:`.making` joins them.

Of a generator's site :mod:`.built` takes the files, :mod:`.site_links` says where they lead, and
:mod:`.build_faults` why there are none; the latter two are pure.
"""
