"""`blueprint department …`: the tree of departments, and who answers in them."""

from service.commands import department_people
from service.commands.department import app

__all__ = ["app", "department_people"]
