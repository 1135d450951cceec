"""`blueprint case …`: the group with its commands from all of their modules."""

from service.commands import case_exchange, case_item, case_material, case_statistics, case_supervision
from service.commands.case import app

for name, command in {
    **case_item.COMMANDS,
    **case_material.COMMANDS,
    **case_exchange.COMMANDS,
    **case_supervision.COMMANDS,
    **case_statistics.COMMANDS,
}.items():
    app.command(name)(command)
