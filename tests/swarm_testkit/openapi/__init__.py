"""The Engine API as an OpenAPI document, made of the tables and routes of the code, and what must hold for whatever is sent by it."""
