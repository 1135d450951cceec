"""Long work (长时任务): jobs in PostgreSQL with progress, cancelling, and taking up again what a dead worker left."""
