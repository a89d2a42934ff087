"""Files over one-way passes and minutes-long round trips: RaptorQ (RFC 6330) instead of repairs.

The sender makes from K source symbols any number of encoded ones; whoever receives a few more than
K of them, no matter which, has the file. What is sent at once covers the loss that is expected and
three standard deviations; where there is a way back, the receiver says that it has the file, or how
many symbols it lacks, and nothing is ever asked for by number.

Each symbol travels in one space packet. A manifest between them, every MANIFEST_EVERY packets,
names file, size and SHA-256; all other integrity is that of the frames.

Needs the extra ``[fec]`` (raptorq). The library panics on what does not fit the object, therefore
everything is checked before it sees it.
"""
