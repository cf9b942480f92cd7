"""What of the documentation is made from the code when it is built, so that it cannot drift."""
