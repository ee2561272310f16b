"""The form in the main screen."""
