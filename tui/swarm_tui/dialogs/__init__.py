"""Questions to the person; each dialog returns a typed answer.

Entry points: `confirm`, `scale`, `choose`, `help`, and the service form (`service_draft` what is entered and
what it means, without a widget; `service_form` the page).
"""
