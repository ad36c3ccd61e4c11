"""What pods and pipelines need of a study: planning, one node at a time, statuses, profiles. Imports no kfp."""
