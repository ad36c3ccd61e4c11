"""The catalogue of tasks: one YAML file a task, which a study takes by its name (`catalogue: bronco150`)."""

from gmlm.config.catalogue.entry import CatalogueEntry, PublishedScores, catalogue_names, entry_of, filled

__all__ = ["CatalogueEntry", "PublishedScores", "catalogue_names", "entry_of", "filled"]
