"""Sharing (共享): what a layer may be used for, who asked for access, who was granted it (Art. 17, 18)."""
