"""Follows what is at the service, and brings home what is finished."""
