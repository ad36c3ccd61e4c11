"""Masked-language-model pre-training: import of base models, packing, masking, objective and the phases."""
