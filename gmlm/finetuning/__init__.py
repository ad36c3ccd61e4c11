"""Fine-tuning: tasks are read and split, models get a head, are trained on a task and predict its documents."""
