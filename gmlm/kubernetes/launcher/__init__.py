"""Pre-training by several pods that act as one: rendered as TrainJob, JobSet or Indexed Job, launched and reaped."""
