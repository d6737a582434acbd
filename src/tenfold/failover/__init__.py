"""On a host with an app: follow its database's leader; while there is none, let requests wait.

What is decided stands in :mod:`.deciding`, without looking; :mod:`.asking` looks, :mod:`.effects`
acts, and :mod:`.keeper` has both of them at it. Why it is made like this: decision 0030.
"""
