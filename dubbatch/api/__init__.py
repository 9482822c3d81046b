"""The service as dubbatch sees it: what it is asked, and what its answers mean.

``wire`` has the values of the service's JSON, ``answers`` decides what a POST's answer means for the
money, ``multipart`` streams uploads, ``downloads`` has the rules for fetching, ``addresses`` says where
the key and we ourselves may go, and ``client`` does the talking. Only ``client`` imports httpx; this
package itself imports nothing, so that naming one of its modules costs that module alone.
"""
