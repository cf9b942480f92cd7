"""Judging predictions that lie on disk, whoever made them: tables of numbers, and votes of people on blind pairs."""
