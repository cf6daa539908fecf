"""Make data interfaces of installed distributions known to NeuroConv.

`startup` notices that NeuroConv's list of data interfaces is imported, `registry` then puts the plugins into it.
"""
