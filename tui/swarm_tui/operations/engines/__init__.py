"""Changes of what engines have, planned without a call: containers, images, volumes, networks, what nobody uses, and the list of engines."""
