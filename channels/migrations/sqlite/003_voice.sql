-- How they asked to be answered: `voice`, `text`, or empty for as the settings say.
ALTER TABLE contacts ADD COLUMN voice_preference TEXT NOT NULL DEFAULT '';

-- Files of the folder `media` beside this database: replies spoken, and what the simulator recorded; gone after their retention.
CREATE TABLE media (
    -- 22 random characters and an ending.
    name TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    -- The words spoken in a reply, should it have to be spoken again in another form.
    words TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX media_created ON media (created_at);

-- Whether the channel still keeps the files of a message for us: they are deleted there as well.
ALTER TABLE inbox ADD COLUMN files_kept INTEGER NOT NULL DEFAULT 0;
UPDATE inbox SET files_kept = 1 WHERE message LIKE '%"media": [{%';
CREATE INDEX inbox_files ON inbox (position) WHERE files_kept;
