"""`blueprint layer …`: the group with its commands from all of their modules."""

from service.commands.diagnosis import diagnose_layer_file
from service.commands.layer import app
from service.commands.layer_upload import original
from service.commands.mendings import mendings
from service.commands.quality import map_fields, quality
from service.commands.succession import difference, in_force, roll_back, update

app.command("diagnose")(diagnose_layer_file)
app.command("original")(original)
app.command("in-force")(in_force)
app.command("roll-back")(roll_back)
app.command("update")(update)
app.command("difference")(difference)
app.command("quality")(quality)
app.command("mendings")(mendings)
app.command("map")(map_fields)
