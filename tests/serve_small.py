"""`app.py` with small random networks in place of the shipped ones: `python -m tests.serve_small PORT`.

It finds the heart and lungs of `tests.chest.picture()` on every film, and forgets a closed page after two seconds.
"""

import sys
from dataclasses import replace

import pytest

from heartviz.weights import LOCAL_FOLDER, read_manifest
from tests.small_models import make_small_models

FORGET_AFTER_S = 2

if __name__ == "__main__":
    import app  # Makes a folder for uploads.

    models = replace(make_small_models(pytest.MonkeyPatch()), manifest=read_manifest(LOCAL_FOLDER))
    app.load_models = lambda: models
    sys.argv = ["app.py", "--forget-after", str(FORGET_AFTER_S), "--port", sys.argv[1]]
    app.main()
