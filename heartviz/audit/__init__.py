"""Audit of a whole set of labelled films: how well each model does, for whom, and where its maps lie."""

from heartviz.audit.collect import ListedFilm, audit_films, read_labels
from heartviz.audit.files import AuditFile, file_name, make_key, read_audit, read_key, read_shipped
from heartviz.audit.records import Audit, AuditedFilm
from heartviz.audit.summary import AuditSummary, summarise

__all__ = [
    "Audit",
    "AuditFile",
    "AuditSummary",
    "AuditedFilm",
    "ListedFilm",
    "audit_films",
    "file_name",
    "make_key",
    "read_audit",
    "read_key",
    "read_labels",
    "read_shipped",
    "summarise",
]
