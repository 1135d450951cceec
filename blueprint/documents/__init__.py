"""Documents for people (公文): one content written as blocks becomes a PDF or a Word file; tables become a workbook; maps are drawn on the server.

`blocks` says what a document holds, `maps` what a map shows; `rendering` makes them, in a child process of its own.
"""
