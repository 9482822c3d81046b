"""From a folder of media to a manifest: files -> pairs and orphans -> ids -> the text of the manifest.

What ``dubbatch init`` does.
"""
