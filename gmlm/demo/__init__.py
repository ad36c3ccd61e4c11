"""A small bilingual clinical world with known truth, generated from one grammar."""

from gmlm.demo.generate import SIZES, WorldSummary, generate_world

__all__ = ["SIZES", "WorldSummary", "generate_world"]
