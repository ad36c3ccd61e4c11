"""The component `pretrain_trainjob`."""
