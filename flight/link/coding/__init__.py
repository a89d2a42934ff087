"""Channel coding: CLTUs with BCH up (CCSDS 231.0-B-4), Reed-Solomon code blocks down (131.0-B-5).

Both are optional stages between frames and the radio. All streams are taken to be aligned to
octets, as radios hand them out.
"""
