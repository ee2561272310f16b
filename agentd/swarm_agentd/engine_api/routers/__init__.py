"""The routes of the Engine API, a module per noun; each offers `routes(context)`."""
