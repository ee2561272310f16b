"""The screen that says why something is not as it is wanted: `view`; `lines` are its lines, without a widget."""
