"""Data: pipelines of elements, passed again and again in reproducible orders."""

from interactive_train.data.convert import as_data, require_elements
from interactive_train.data.elements import call_with, stack
from interactive_train.data.from_arrays import batches
from interactive_train.data.pipeline import Data

__all__ = ["Data", "as_data", "batches", "call_with", "require_elements", "stack"]
