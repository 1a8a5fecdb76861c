"""Snakemake's events as lines of JSON on a pipe, for `getl run` (`getl_utils/ops/running.py`)."""

import json
import os

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

VARIABLE = "GETL_EVENTS"  # number of the file descriptor
FIELDS = ("rule_name", "rule_msg", "log", "jobs", "job_id", "done", "total")


class LogHandlerSettings(LogHandlerSettingsBase):
    """None."""


class LogHandler(LogHandlerBase):
    """Writes each event that has a name; Snakemake's own text still goes where it goes."""

    writes_to_stream = writes_to_file = has_filter = has_formatter = needs_rulegraph = False

    def __post_init__(self):
        self.pipe = open(int(os.environ[VARIABLE]), "w", closefd=False)

    def emit(self, record):
        event = getattr(record, "event", None)
        if event is None:
            return
        found = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        number = getattr(record, "jobid", None)
        found |= {} if number is None else {"job_id": number}
        found["log"] = [str(name) for name in found.get("log") or []]
        print(json.dumps({"event": str(event), **found}, default=str), file=self.pipe, flush=True)
