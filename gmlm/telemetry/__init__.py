"""Progress, JSON logs and Prometheus metrics. Never a word of any document in them."""

from gmlm.telemetry.logs import configure_logs, get_logger
from gmlm.telemetry.progress import Progress, progress

__all__ = ["Progress", "configure_logs", "get_logger", "progress"]
