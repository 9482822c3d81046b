"""Looks at the media before anything is paid: what they are, and whether the service can make a dub of them.

- ``rules``: what is wrong with one job's media. Pure.
- ``siblings``: what only shows beside the other jobs: a track that is too quiet, one sound under two languages. Pure.
- ``web``: media at web addresses, looked at by reading the few parts that hold their index.
"""
