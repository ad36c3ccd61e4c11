"""Local folders and S3 behind one small interface: atomic, conditional, checked by sha256."""

from gmlm.storage.base import Store, StoredFile
from gmlm.storage.open import open_store
from gmlm.storage.probe import probe_conditional_writes

__all__ = ["Store", "StoredFile", "open_store", "probe_conditional_writes"]
