"""Breaking things on purpose, and saying what happened.

::

    deciding   drill + situation -> harms and promises      pure
    kept       what is broken now, on disk before it is      .tenfold/drill.json
    effects    a harm is done, and mended: idempotent
    watching   load with a ledger, and who leads, meanwhile
    judging    promises + what was seen -> findings          pure
"""
