"""Continuous backup: the log as it is written, the whole database now and then, and the way back.

What copies is PostgreSQL's own: ``archive_command``, ``pg_basebackup``, ``pg_verifybackup``,
recovery. Here lies what they need around them: a place to put things (:mod:`.store`), compressed
and sealed (:mod:`.seal`), under names (:mod:`.names`), for as long as wanted (:mod:`.deciding`), by
a keeper beside each server (:mod:`.keeper`).
"""
