-- How they asked to be answered: `voice`, `text`, or empty for as the settings say.
ALTER TABLE contacts ADD COLUMN voice_preference TEXT NOT NULL DEFAULT '';

-- Recordings: replies spoken, and what the simulator recorded; gone after their retention.
CREATE TABLE media (
    -- 22 random characters and an ending.
    name TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    -- The words spoken in a reply, should it have to be spoken again in another form.
    words TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX media_created ON media (created_at);
