"""The canonical ABI of the component model, as far as the contract needs it.

`types` knows how values lie in linear memory and in registers, `contract` which
functions there are, `native` how they are called. wasmtime's own component API
converts a list of bytes one element at a time; here it is one copy.
"""
