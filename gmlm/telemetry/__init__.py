"""Progress bars, JSON logs and Prometheus metrics. Never a word of any document in them."""

from gmlm.telemetry.logs import get_logger
from gmlm.telemetry.progress import Progress, progress

__all__ = ["Progress", "get_logger", "progress"]
