"""The command line: parse, one call, render. The only importer of click and rich."""
