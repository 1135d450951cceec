"""Accounts (账户) of persons: who they are, what they were appointed to, how they sign in."""
