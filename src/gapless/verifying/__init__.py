"""What was served is computed again from the events that were in, compared bit by bit, and any value taken apart."""

from __future__ import annotations
