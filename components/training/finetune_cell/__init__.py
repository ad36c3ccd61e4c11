"""The component `finetune_cell`."""
