"""Services: `api` answers the calls, `checks` says which specs and changes this manager takes."""
