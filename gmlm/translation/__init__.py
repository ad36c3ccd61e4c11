"""English documents to German ones: segmentation, translators, engines, quality flags and scores."""

import warnings

# Marian's tokenizer advises a package that folds quotation marks and dashes on each load; input stays as it is here.
warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
