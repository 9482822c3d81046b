"""The object that ``dubbatch account --format json`` prints, schema 1."""

from __future__ import annotations

from typing import Any

from dubbatch.account import AccountList, HostLog, OnRecord
from dubbatch.api.wire import Request

_SCHEMA = 1


def account_as_json(
    service: str, key_from: str, owner: str, listed: AccountList, log: HostLog, record: OnRecord, *, latest: int
) -> dict[str, Any]:
    """``service``: its address as it may be shown. ``latest``: how many requests of each kind there are at most."""
    return {
        "schema": _SCHEMA,
        "service": service,
        "key": {"from": key_from, "owner": owner},
        "permits_used": log.used,
        "paused_s": round(log.paused_s, 1),
        "ledgers": [
            {
                "ledger": str(learned.ledger),
                "slots": learned.slots,
                "usual_s": learned.usual_s and round(learned.usual_s, 1),
                "newest_first": learned.newest_first,
                "refusals": [refusal._asdict() for refusal in learned.refusals],
            }
            for learned in record.learned
        ],
        "left_out": [{"ledger": str(unread.ledger), "reason": unread.reason} for unread in record.unread],
        "requests": {
            "total": listed.total,
            "read": len(listed.requests),
            "latest": [_request(request) for request in listed.requests[:latest]],
        },
        "unknown": {
            "count": len(record.unknown),
            "latest": [_request(unknown.request) | {"job": unknown.job} for unknown in record.unknown[:latest]],
        },
    }


def _request(request: Request) -> dict[str, str]:
    return {
        "id": request.id,
        "status": request.status,
        "reference_id": request.reference_id,
        "created_at": request.created_at,
    }
