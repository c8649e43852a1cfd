"""The catalogue: checked from files, carried as a document, compiled for rating."""

from rating.catalogue.asked import asked_attributes
from rating.catalogue.check_files import Checked, check
from rating.catalogue.compile_document import compile, compile_parts
from rating.catalogue.compiled import Catalogue, Offer
from rating.catalogue.differences import Difference, diff, said
from rating.catalogue.document import CatalogueDocument
from rating.catalogue.document_parts import (
    MissingChunk,
    chunk_names,
    content_digest,
    document_from_parts,
    document_to_parts,
    is_of_this_format,
)
from rating.catalogue.errors import CatalogueError
from rating.catalogue.levels import levels_that_only_rise
from rating.catalogue.running_months import WithinAMonth, changed_within_months

__all__ = [
    "Catalogue",
    "CatalogueDocument",
    "CatalogueError",
    "Checked",
    "Difference",
    "MissingChunk",
    "Offer",
    "WithinAMonth",
    "asked_attributes",
    "changed_within_months",
    "check",
    "chunk_names",
    "compile",
    "compile_parts",
    "content_digest",
    "diff",
    "document_from_parts",
    "document_to_parts",
    "is_of_this_format",
    "levels_that_only_rise",
    "said",
]
