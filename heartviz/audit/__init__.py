"""Audit of a whole set of labelled films: how well each model does, for whom, and where its maps lie."""

from heartviz.audit.collect import ListedFilm, audit_films, read_labels
from heartviz.audit.records import Audit, AuditedFilm
from heartviz.audit.summary import AuditSummary, summarise

__all__ = [
    "Audit",
    "AuditSummary",
    "AuditedFilm",
    "ListedFilm",
    "audit_films",
    "read_labels",
    "summarise",
]
