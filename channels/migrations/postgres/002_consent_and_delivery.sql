-- Which ids a person is known by, as keyed hashes: an `account` id stays theirs, a `number` may
-- pass to somebody else.
CREATE TABLE identities (
    id TEXT PRIMARY KEY,
    contact TEXT NOT NULL REFERENCES contacts (contact),
    kind TEXT NOT NULL
);
CREATE INDEX identities_contact ON identities (contact);
-- Until now the one id a person came with was their key; which kind it was shows when it returns.
INSERT INTO identities (id, contact, kind) SELECT contact, contact, 'number' FROM contacts;

ALTER TABLE contacts ADD COLUMN opted_out_at DOUBLE PRECISION;
-- Why the channel cannot reach them, its error code; empty again once they write.
ALTER TABLE contacts ADD COLUMN unreachable TEXT NOT NULL DEFAULT '';
-- When they were last told that they write too much, and that something went wrong.
ALTER TABLE contacts ADD COLUMN told_later_at DOUBLE PRECISION;
ALTER TABLE contacts ADD COLUMN apologised_at DOUBLE PRECISION;

-- A turn also ends as `refused` (too many of them) or `dropped` (the contact wants no more).
ALTER TABLE turns ADD COLUMN hand_over BOOLEAN NOT NULL DEFAULT FALSE;
-- When the operator was told of the hand-over.
ALTER TABLE turns ADD COLUMN told_at DOUBLE PRECISION;
CREATE INDEX turns_hand_over ON turns (sealed_at) WHERE hand_over AND told_at IS NULL;
-- What its reply tells the contact: that an AI speaks (`ai`), or also that the voice is synthetic
-- (`voice`). They know it once a part of such a reply has reached them.
ALTER TABLE turns ADD COLUMN disclosed TEXT NOT NULL DEFAULT '';
CREATE INDEX turns_disclosed ON turns (contact) WHERE disclosed <> '';
CREATE INDEX turns_answered ON turns (contact, sealed_at) WHERE status IN ('open', 'done', 'failed');
-- An empty answer means that the message was met with silence.
CREATE INDEX inbox_answered ON inbox (contact, received_at) WHERE answer <> '';

-- A part also ends as `held` (free words may not be sent now), `dropped` or `replaced` (cut smaller).
-- Its form: `text`, or the file of a spoken one.
ALTER TABLE outbox ADD COLUMN form TEXT NOT NULL DEFAULT 'text';
ALTER TABLE outbox ADD COLUMN media TEXT NOT NULL DEFAULT '';
-- What the channel reported of it since it was sent, ranked so that it never goes back.
ALTER TABLE outbox ADD COLUMN delivery TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN delivery_rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN delivery_error TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN delivery_at DOUBLE PRECISION;
CREATE INDEX outbox_provider ON outbox (contact, provider_id) WHERE provider_id <> '';
CREATE INDEX outbox_undelivered ON outbox (contact)
    WHERE status = 'sent' AND delivery IN ('failed', 'undelivered');
