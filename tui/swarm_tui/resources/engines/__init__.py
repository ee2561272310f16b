"""The kinds of objects of many engines: engines, containers, images, volumes, networks, and what engines tell. Data, as all kinds."""
