"""What one mail may cost. Beyond a limit nothing is lost silently: it is named in `defects` or in `File.problem`."""

MAX_HEADER_BYTES = 256 * 1024  # of one header block
MAX_HEADER_VALUE_BYTES = 64 * 1024  # of one header
MAX_HEADERS = 1_000
MAX_ADDRESSES = 500  # in one header
MAX_REFERENCES = 100

MAX_DEPTH = 40  # multiparts inside multiparts
MAX_PARTS = 1_000
MAX_FILES = 200
MAX_FILE_BYTES = 40 * 1024 * 1024
MAX_FILES_BYTES = 80 * 1024 * 1024  # all files of one mail together, decoded

MAX_TEXT_CHARS = 500_000
MAX_HTML_CHARS = 1_000_000
MAX_HTML_READ_CHARS = 2_000_000  # of one that is too large to show: its words are looked for in so much of it
MAX_HTML_DEPTH = 1_000  # HTML parsers are quadratic in it; newsletters reach some fifty
# Beyond this much text nothing is taken for a quote: the search for quotes stays cheap.
MAX_QUOTE_CHARS = 64 * 1024
MAX_QUOTE_LINES = 2_000

MAX_DEFECTS = 50
