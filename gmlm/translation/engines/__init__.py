"""Engines that run a translation model: `transformers`, and `ctranslate2` for most work."""

from gmlm.translation.engines.engine import Engine, TranslationModel, open_engine

__all__ = ["Engine", "TranslationModel", "open_engine"]
