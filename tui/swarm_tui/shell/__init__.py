"""The main screen around the views."""
