"""Where the site's names lead, and where they have to: what the records are and what they become.

What to change is decided without looking (:mod:`tenfold.dns.goals`, ``compare``, ``caa``,
``words``); resolvers are asked in ``lookup``, the addresses that they give in ``visits``.
"""
