"""Media files: what they are, whether they are whole, and what their content hashes to.

- ``boxes``: walks the boxes of an MP4 file; notices a cut that decoders overlook. Pure over a file object.
- ``duration``: whether the duration of an output fits its job. Pure.
- ``probe``: what a file holds, by PyAV.
- ``checks``: whether a downloaded output is whole and playable (design, section 7).
- ``hashing``: content hashes and stamps of local files.

The only importer of av, and only on use: importing any of these modules costs nothing.
"""
