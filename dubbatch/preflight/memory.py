"""What is remembered of media that were looked at before. Used in the ledger's thread."""

from __future__ import annotations

from dubbatch import identity
from dubbatch.jobs import Media
from dubbatch.ledger.ledger import Ledger
from dubbatch.media.facts import Facts


def remembered(ledger: Ledger, media: Media) -> Facts | None:
    """What a medium was when it was looked at last; None: nobody has looked, or it could not be seen."""
    if media.path is not None:
        file = ledger.media.get(media.path)
        return Facts.from_json(file.facts) if file is not None and file.facts else None
    known = ledger.media.at(identity.canonical_url(media.url or media.text))
    return Facts.from_json(known.facts) if known is not None else None
