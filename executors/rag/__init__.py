"""Answers from a company's documents, room by room in the order of the work.

chunking    documents → chunks that end where sentences end, and the words keywords compare
embedding   chunks → vectors, in this process or spread over workers
index       vectors, words and chunks as one index: built, kept on disk in parts, opened
refresh     brings an index up to date: only what changed is read, cut and embedded
search      finds chunks for a question in any store, within what the asker may see
answer      quotes or generates, cites, and says when the papers do not say
"""
