"""Bringing data that is somewhere else into the app's database: all of it, or nothing.

Reading a source, matching it with the tables that the app's migrations made, copying in one
transaction, comparing both sides before it is committed. :mod:`.match`, :mod:`.bookkeeping`,
:mod:`.values`, :mod:`.batches`, :mod:`.lines`, :mod:`.tally`, :mod:`.script` and
:mod:`.statements` decide and touch nothing; :mod:`.sqlite`, :mod:`.database`, :mod:`.dump`,
:mod:`.catalogue`, :mod:`.target`, :mod:`.rows` and :mod:`.whole` act.
"""
