"""The manager's end of the dispatcher protocol: `dispatcher.Dispatcher`, with its settings in `config`."""
