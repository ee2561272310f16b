"""What a person sends to those who are to help: states, figures and logs without a secret. Doors: `bundle.write`, `parts`, `machine.here`."""
