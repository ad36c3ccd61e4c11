"""What leaves the store: finished models with their card, checked and within the conditions of their texts."""

from gmlm.deployment.export import Exported, export_model

__all__ = ["Exported", "export_model"]
