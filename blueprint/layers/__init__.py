"""The life of a departmental plan layer: define, upload, check, version, bring into force, withdraw, export."""
