"""The version of this program, in the one place that says it: the build takes it from here, and a daemon that tells it need
not search for the metadata of what is installed, which takes as long as a tenth of its start."""

VERSION = "0.1.0"
