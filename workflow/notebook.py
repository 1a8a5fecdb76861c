"""papermill, started in half the time: python workflow/notebook.py NOTEBOOK RESULT [OPTION ...]."""

import sys

sys.modules["rfc3987_syntax"] = None  # jsonschema's check of addresses, which no notebook needs: 1.7 s
from papermill.cli import papermill  # noqa: E402

papermill()
