"""Data: pipelines of elements, passed again and again in reproducible orders."""

from interactive_train.data.convert import as_data, require_elements
from interactive_train.data.elements import call_with, stack
from interactive_train.data.from_arrays import batches
from interactive_train.data.pipeline import Data
from interactive_train.data.rows import Rows

__all__ = ["Data", "Rows", "as_data", "batches", "call_with", "require_elements", "stack"]
