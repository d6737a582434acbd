"""An app's own pages as a static site: asked in its process, written as files, links looked at.

What is asked, where an answer lands, what a link leads to and what clashes is decided without
looking (:mod:`.paths`, :mod:`.places`, :mod:`.links`, :mod:`.answers`, :mod:`.crawl`);
:mod:`.renderer` starts the app, :mod:`.folder` writes, :mod:`.making` joins them.
"""
