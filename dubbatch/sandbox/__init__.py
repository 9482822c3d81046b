"""The service on loopback: the same contract, real outputs, faults on request, books on disk.

- ``settings``: how the account and the service behave, where the vendor's documentation is silent.
- ``books``: what was asked, accepted and billed; ``journal`` writes it down so that a kill -9 loses nothing.
- ``clock``: the time that everything here lives in; it can be moved forward.
- ``contract``: who may call, what a call must look like, and the words of every refusal. ``quota``: the rate limit.
- ``generation``: from queued to completed; ``fetch`` brings in media given by URL.
- ``outputs``: the storage, another origin; ``links`` signs what leads there.
- ``files``: a folder on the storage's origin, for manifests of URLs.
- ``faults``: which call goes wrong, and how; ``disturbances`` carries it out; ``network``: how late
  calls and answers come.
- ``posts`` and ``service``: the routes under /api; ``control``: those under /sandbox; ``account``: what all share.
- ``server``: the thread that runs them all; with the routes it is what imports starlette and uvicorn.
"""
