"""The audit log (审计日志): who did what, when, from where, to what; append-only and chained by hashes."""
