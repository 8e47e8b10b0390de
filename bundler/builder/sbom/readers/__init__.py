"""What packages leave behind in a file system, each read by a module of its own.

A reader of text takes bytes and gives packages; one that needs to jump about takes an open file. None of them
trusts what it reads. They raise `BrokenError` for what can't be read, ValueError and its kin where that
comes easier: whoever calls them turns both into a gap that the bill tells of.
"""
