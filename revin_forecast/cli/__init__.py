"""The command line: one module per command, whose function can be called from Python as well.

`main` runs a command, `parser` and `usage_errors` turn its words into arguments, and `output`,
`validation`, `report` and `reproduce` are shared by several commands.
"""
