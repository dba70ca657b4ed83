-- The tables of the SQLite database, for any number of machines.
-- Positions follow the order of commits within one contact, whose row is locked before the value
-- is drawn, and of nobody else: nothing here may look for "positions after the last one seen".

-- People by keyed hash; the address is the only place where a number stands.
CREATE TABLE contacts (
    contact TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    first_message_at DOUBLE PRECISION NOT NULL,
    last_message_at DOUBLE PRECISION NOT NULL
);

-- Every accepted message. The id (keyed hash of the channel's own) refuses a repeat for ever.
CREATE TABLE inbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    contact TEXT NOT NULL REFERENCES contacts (contact),
    received_at DOUBLE PRECISION NOT NULL,
    message TEXT NOT NULL,
    -- What a shortcut answered at the door; such a row starts no turn.
    answer TEXT,
    turn_id TEXT
);
CREATE INDEX inbox_waiting ON inbox (contact, position) WHERE turn_id IS NULL;
CREATE INDEX inbox_turn ON inbox (turn_id, position);
CREATE INDEX inbox_contact ON inbox (contact, position);

-- One row per reply owed. open → done | failed | held.
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    contact TEXT NOT NULL REFERENCES contacts (contact),
    status TEXT NOT NULL DEFAULT 'open',
    sealed_at DOUBLE PRECISION NOT NULL,
    -- The contact's newest message when the turn was sealed: later ones are news to it.
    sealed_position BIGINT NOT NULL,
    -- Not before this time; noted_at tells when that was decided, should the clock be set back.
    due_at DOUBLE PRECISION NOT NULL,
    noted_at DOUBLE PRECISION NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0,
    restarted_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    finished_at DOUBLE PRECISION,
    error TEXT NOT NULL DEFAULT '',
    route TEXT NOT NULL DEFAULT '[]',
    sources TEXT NOT NULL DEFAULT '[]',
    model TEXT NOT NULL DEFAULT '',
    seconds DOUBLE PRECISION NOT NULL DEFAULT 0,
    usage TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX turns_open ON turns (contact) WHERE status = 'open';
CREATE INDEX turns_status ON turns (status, finished_at);

-- Parts of replies in the order they leave. pending → sending → sent | failed.
CREATE TABLE outbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    turn_id TEXT NOT NULL REFERENCES turns (id),
    contact TEXT NOT NULL REFERENCES contacts (contact),
    body TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    created_at DOUBLE PRECISION NOT NULL,
    due_at DOUBLE PRECISION NOT NULL,
    noted_at DOUBLE PRECISION NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When the part was first handed over.
    sending_at DOUBLE PRECISION,
    sent_at DOUBLE PRECISION,
    provider_id TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_unsent ON outbox (contact, position) WHERE status IN ('pending', 'sending');
CREATE INDEX outbox_turn ON outbox (turn_id, position);
CREATE INDEX outbox_contact ON outbox (contact, position);

-- What all machines of an installation share; so far the secret of its keyed hashes.
CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
