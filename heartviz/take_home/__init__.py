"""A film's analysis to take home: report as HTML and PDF, masks as PNG and DICOM SEG, maps as numbers; all as a ZIP.

Nothing in them names the film, its file or a patient; only a title that the user writes stands there.
"""

from heartviz.take_home.files import list_file_names, make_files, make_zip

__all__ = ["list_file_names", "make_files", "make_zip"]
