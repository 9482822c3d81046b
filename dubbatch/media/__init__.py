"""Media: what they are, whether they are whole, and what their content hashes to.

- ``facts``: what a look at one medium found: a plain value.
- ``boxes``, ``riff``, ``frames``: what the bytes of MP4, WAV and MP3 say of themselves; cuts that decoders overlook.
- ``outline``: the same of films of which only a few parts can be had.
- ``probe``: what a file holds, by PyAV. ``reading``: its packets, from end to end. ``sound``: how loud a track is.
- ``survey``: everything about a local file. ``surveyors``, ``surveying``: that, in worker processes.
- ``glance``: what can be told of a file at a web address by a few of its parts.
- ``checks``: whether an output is whole and playable (design, section 7). ``duration``: whether it fits its job.
- ``mux``: a video with its sound replaced, for the sandbox.
- ``hashing``: content hashes and stamps of local files.

The only importer of av, and only on use: importing any of these modules costs nothing.
"""
