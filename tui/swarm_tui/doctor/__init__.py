"""What may go wrong before it does: `cluster` looks at the objects, `machine` at this machine; both give `model.Finding`s."""
