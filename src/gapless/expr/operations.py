"""The operation table: the one list from which types, emitters, documentation and golden vectors are driven.

An operation is added to one of the two halves with its types and its exact meaning. Tests then ask for both emitters,
golden rows and a row in the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from gapless.expr.operation import Operation
from gapless.expr.operations_numbers import NUMBERS
from gapless.expr.operations_text import TEXT_AND_TIME

__all__ = ["LEAVES", "OPERATIONS", "OPSET_VERSION"]

OPSET_VERSION = 1
LEAVES = ("column", "literal", "null")

OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in NUMBERS + TEXT_AND_TIME}
