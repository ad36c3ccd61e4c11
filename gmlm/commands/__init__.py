"""What the commands of the command line take and do; `gmlm.cli` puts them together. Nothing heavy is imported here."""
