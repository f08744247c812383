"""Audit of a whole set of labelled films: how well each model does, for whom, and where its maps lie.

`collect` makes one, and needs the models; everything here only reads what it made.
"""

from heartviz.audit.files import AuditFile, file_name, make_key, read_audit, read_key, read_shipped
from heartviz.audit.records import Audit, AuditedFilm
from heartviz.audit.summary import AuditSummary, summarise

__all__ = [
    "Audit",
    "AuditFile",
    "AuditSummary",
    "AuditedFilm",
    "file_name",
    "make_key",
    "read_audit",
    "read_key",
    "read_shipped",
    "summarise",
]
