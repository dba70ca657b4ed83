-- One generation of the index. Changing this file changes the fingerprint: old ones are rebuilt.

CREATE TABLE generation (fingerprint TEXT NOT NULL);

CREATE TABLE document (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,      -- empty when the file could not be read
    problem TEXT NOT NULL      -- why it could not; empty when it could
) WITHOUT ROWID;

CREATE TABLE paragraph (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL REFERENCES document (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    section TEXT NOT NULL,
    text TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX paragraph_of_document ON paragraph (document, position);

-- AUTOINCREMENT: a number is never used twice, so it stands for one text and its vector for ever.
CREATE TABLE chunk (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,    -- JSON
    embedding BLOB             -- float32; NULL where it costs nothing to make again
);

CREATE INDEX chunk_of_document ON chunk (json_extract(metadata, '$.document'));

-- Contentless: the tokens are made by agent/tokens.py. The default `detail` must stay: with
-- `column` or `none` a contentless table ranks wrongly without a word.
CREATE VIRTUAL TABLE lexical USING fts5 (
    tokens,
    content = '',
    tokenize = "unicode61 remove_diacritics 0"
);
