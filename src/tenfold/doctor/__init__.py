"""What is wrong now, and what will be: machine, project, source, database, site.

Whoever looks (:mod:`.look`) is bounded in time and gives facts; a check (:mod:`.checks`) is a pure
function from the facts of its area to what it sees in them. What could not be looked at is said.
"""
